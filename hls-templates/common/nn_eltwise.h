// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Combines two tensors element by element: y[i] = res_T(a op b), exact before the one cast.
//
// An operand may be smaller than the output: element i meets element (i / every) % cycle of it.
//
// CONFIG_T: n, a_every, a_cycle, b_every, b_cycle.

#ifndef NN_ELTWISE_H_
#define NN_ELTWISE_H_

#include "nn_types.h"

namespace nn {

// Applies op_T to every pair of elements.
template <class a_T, class b_T, class res_T, typename CONFIG_T, class op_T>
void eltwise(const a_T a[CONFIG_T::a_cycle], const b_T b[CONFIG_T::b_cycle],
             res_T res[CONFIG_T::n]) {
#pragma HLS INLINE

  for (unsigned i = 0; i < CONFIG_T::n; i++) {
#pragma HLS UNROLL
    res[i] = op_T::apply(a[i / CONFIG_T::a_every % CONFIG_T::a_cycle],
                         b[i / CONFIG_T::b_every % CONFIG_T::b_cycle]);
  }
}

template <class a_T, class b_T, class res_T> struct sum_of {
  static res_T apply(const a_T &a, const b_T &b) {
#pragma HLS INLINE
    return cast<res_T>(a + b);
  }
};

template <class a_T, class b_T, class res_T, typename CONFIG_T>
void add(const a_T a[CONFIG_T::a_cycle], const b_T b[CONFIG_T::b_cycle],
         res_T res[CONFIG_T::n]) {
#pragma HLS PIPELINE II=1
  eltwise<a_T, b_T, res_T, CONFIG_T, sum_of<a_T, b_T, res_T> >(a, b, res);
}

template <class a_T, class b_T, class res_T> struct difference_of {
  static res_T apply(const a_T &a, const b_T &b) {
#pragma HLS INLINE
    return cast<res_T>(a - b);
  }
};

template <class a_T, class b_T, class res_T, typename CONFIG_T>
void subtract(const a_T a[CONFIG_T::a_cycle], const b_T b[CONFIG_T::b_cycle],
              res_T res[CONFIG_T::n]) {
#pragma HLS PIPELINE II=1
  eltwise<a_T, b_T, res_T, CONFIG_T, difference_of<a_T, b_T, res_T> >(a, b, res);
}

template <class a_T, class b_T, class res_T> struct product_of {
  static res_T apply(const a_T &a, const b_T &b) {
#pragma HLS INLINE
    return cast<res_T>(a * b);
  }
};

template <class a_T, class b_T, class res_T, typename CONFIG_T>
void multiply(const a_T a[CONFIG_T::a_cycle], const b_T b[CONFIG_T::b_cycle],
              res_T res[CONFIG_T::n]) {
#pragma HLS PIPELINE II=1
  eltwise<a_T, b_T, res_T, CONFIG_T, product_of<a_T, b_T, res_T> >(a, b, res);
}

template <class a_T, class b_T, class res_T> struct larger_of {
  static res_T apply(const a_T &a, const b_T &b) {
#pragma HLS INLINE
    return less(b, a) ? cast<res_T>(a) : cast<res_T>(b);
  }
};

template <class a_T, class b_T, class res_T, typename CONFIG_T>
void maximum(const a_T a[CONFIG_T::a_cycle], const b_T b[CONFIG_T::b_cycle],
             res_T res[CONFIG_T::n]) {
#pragma HLS PIPELINE II=1
  eltwise<a_T, b_T, res_T, CONFIG_T, larger_of<a_T, b_T, res_T> >(a, b, res);
}

template <class a_T, class b_T, class res_T> struct smaller_of {
  static res_T apply(const a_T &a, const b_T &b) {
#pragma HLS INLINE
    return less(a, b) ? cast<res_T>(a) : cast<res_T>(b);
  }
};

template <class a_T, class b_T, class res_T, typename CONFIG_T>
void minimum(const a_T a[CONFIG_T::a_cycle], const b_T b[CONFIG_T::b_cycle],
             res_T res[CONFIG_T::n]) {
#pragma HLS PIPELINE II=1
  eltwise<a_T, b_T, res_T, CONFIG_T, smaller_of<a_T, b_T, res_T> >(a, b, res);
}

}  // namespace nn

#endif
