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

  for (unsigned i = 0; i < CONFIG_T::n; i++) {
#pragma HLS UNROLL
    res[i] = CONFIG_T::apply(read_as<typename CONFIG_T::operand_t>(data[i]));
  }
}

}  // namespace nn

#endif
