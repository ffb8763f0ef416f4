// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Scales and shifts by constants: y[i] = res_T(x[i] * s + b), exact before the one cast. Batch
// normalization is this. Constants repeat: element i uses number i % n_constants.
//
// CONFIG_T: n, n_constants, scale_t, bias_t.

#ifndef NN_AFFINE_H_
#define NN_AFFINE_H_

#include "nn_types.h"

namespace nn {

template <class data_T, class res_T, typename CONFIG_T>
void affine(const data_T data[CONFIG_T::n], res_T res[CONFIG_T::n],
            const typename CONFIG_T::scale_t scales[CONFIG_T::n_constants],
            const typename CONFIG_T::bias_t biases[CONFIG_T::n_constants]) {
#pragma HLS FUNCTION_INSTANTIATE variable=scales,biases
#pragma HLS PIPELINE II=1
#pragma HLS ARRAY_PARTITION variable=scales complete
#pragma HLS ARRAY_PARTITION variable=biases complete

  for (unsigned i = 0; i < CONFIG_T::n; i++) {
#pragma HLS UNROLL
    const unsigned c = i % CONFIG_T::n_constants;
    res[i] = cast<res_T>(data[i] * scales[c] + biases[c]);
  }
}

}  // namespace nn

#endif
