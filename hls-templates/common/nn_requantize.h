// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Casts every element: y[i] = res_T(x[i]).

#ifndef NN_REQUANTIZE_H_
#define NN_REQUANTIZE_H_

#include "nn_types.h"

namespace nn {

// CONFIG_T: n.
template <class data_T, class res_T, typename CONFIG_T>
void requantize(const data_T data[CONFIG_T::n], res_T res[CONFIG_T::n]) {
#pragma HLS PIPELINE II=1

  for (unsigned i = 0; i < CONFIG_T::n; i++) {
#pragma HLS UNROLL
    res[i] = cast<res_T>(data[i]);
  }
}

// Every element is cast to a type of its own; res_T holds the values of all of them.
// CONFIG_T: n, and `res_T cast(i, x)`, which casts to the type of element i.
template <class data_T, class res_T, typename CONFIG_T>
void requantize_each(const data_T data[CONFIG_T::n], res_T res[CONFIG_T::n]) {
#pragma HLS PIPELINE II=1

  for (unsigned i = 0; i < CONFIG_T::n; i++) {
#pragma HLS UNROLL
    res[i] = CONFIG_T::template cast<data_T, res_T>(i, data[i]);
  }
}

}  // namespace nn

#endif
