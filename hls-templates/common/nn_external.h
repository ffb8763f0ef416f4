// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Applies a function of the user's to every element: y[i] = CONFIG_T::apply(x[i]).

#ifndef NN_EXTERNAL_H_
#define NN_EXTERNAL_H_

#include "nn_types.h"

namespace nn {

// CONFIG_T: n, operand_t, result_t, apply. The operand has the bits of data_T and the modes that the
// function was tabulated with.
template <class data_T, class res_T, typename CONFIG_T>
void external(const data_T data[CONFIG_T::n], res_T res[CONFIG_T::n]) {
#pragma HLS PIPELINE II=1
  const int width = format<data_T>::width;

  for (unsigned i = 0; i < CONFIG_T::n; i++) {
#pragma HLS UNROLL
    typename CONFIG_T::operand_t x;
    x.range(width - 1, 0) = data[i].range(width - 1, 0);
    res[i] = CONFIG_T::apply(x);
  }
}

}  // namespace nn

#endif
