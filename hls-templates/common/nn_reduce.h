// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Reduces groups of consecutive elements: sums with a cast at every step, maxima, minima.
//
// CONFIG_T: group (elements of a group), n_groups, accum_t (sums).

#ifndef NN_REDUCE_H_
#define NN_REDUCE_H_

#include "nn_types.h"

namespace nn {

// The largest power of two below n (n > 1): where a balanced tree of n leaves splits.
constexpr unsigned tree_split(unsigned n, unsigned power = 1) {
  return 2 * power < n ? tree_split(n, 2 * power) : power;
}

// Sum of N values in a balanced tree; every node, leaves included, is cast to accum_T.
template <class accum_T, unsigned N> struct tree {
  template <class data_T> static accum_T sum(const data_T *data) {
#pragma HLS INLINE
    return accum_T(tree<accum_T, tree_split(N)>::sum(data) +
                   tree<accum_T, N - tree_split(N)>::sum(data + tree_split(N)));
  }
};

template <class accum_T> struct tree<accum_T, 1> {
  template <class data_T> static accum_T sum(const data_T *data) {
#pragma HLS INLINE
    return cast<accum_T>(data[0]);
  }
};

template <class data_T, class res_T, typename CONFIG_T>
void sum_tree(const data_T data[CONFIG_T::n_groups * CONFIG_T::group],
              res_T res[CONFIG_T::n_groups]) {
#pragma HLS PIPELINE II=1

  for (unsigned g = 0; g < CONFIG_T::n_groups; g++) {
#pragma HLS UNROLL
    res[g] = cast<res_T>(
        tree<typename CONFIG_T::accum_t, CONFIG_T::group>::sum(data + g * CONFIG_T::group));
  }
}

// acc = accum_t(acc + accum_t(x[i])) in ascending order, from 0.
template <class data_T, class res_T, typename CONFIG_T>
void sum_in_order(const data_T data[CONFIG_T::n_groups * CONFIG_T::group],
                  res_T res[CONFIG_T::n_groups]) {
#pragma HLS PIPELINE II=1

  for (unsigned g = 0; g < CONFIG_T::n_groups; g++) {
#pragma HLS UNROLL
    typename CONFIG_T::accum_t acc = 0;
    for (unsigned i = 0; i < CONFIG_T::group; i++) {
#pragma HLS UNROLL
      acc += cast<typename CONFIG_T::accum_t>(data[g * CONFIG_T::group + i]);
    }
    res[g] = cast<res_T>(acc);
  }
}

template <class data_T, class res_T, typename CONFIG_T>
void maximum_of(const data_T data[CONFIG_T::n_groups * CONFIG_T::group],
                res_T res[CONFIG_T::n_groups]) {
#pragma HLS PIPELINE II=1

  for (unsigned g = 0; g < CONFIG_T::n_groups; g++) {
#pragma HLS UNROLL
    data_T best = data[g * CONFIG_T::group];
    for (unsigned i = 1; i < CONFIG_T::group; i++) {
#pragma HLS UNROLL
      if (data[g * CONFIG_T::group + i] > best) {
        best = data[g * CONFIG_T::group + i];
      }
    }
    res[g] = cast<res_T>(best);
  }
}

template <class data_T, class res_T, typename CONFIG_T>
void minimum_of(const data_T data[CONFIG_T::n_groups * CONFIG_T::group],
                res_T res[CONFIG_T::n_groups]) {
#pragma HLS PIPELINE II=1

  for (unsigned g = 0; g < CONFIG_T::n_groups; g++) {
#pragma HLS UNROLL
    data_T best = data[g * CONFIG_T::group];
    for (unsigned i = 1; i < CONFIG_T::group; i++) {
#pragma HLS UNROLL
      if (data[g * CONFIG_T::group + i] < best) {
        best = data[g * CONFIG_T::group + i];
      }
    }
    res[g] = cast<res_T>(best);
  }
}

}  // namespace nn

#endif
