// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A function that is constant between thresholds: y[i] = values[number of thresholds <= x[i]].
// Constants of channels are one after another: element i uses those of channel i % n_channels.
//
// CONFIG_T: n, n_channels, n_thresholds, threshold_t, value_t.

#ifndef NN_THRESHOLD_H_
#define NN_THRESHOLD_H_

#include "nn_types.h"

namespace nn {

template <class data_T, class res_T, typename CONFIG_T>
void threshold(
    const data_T data[CONFIG_T::n], res_T res[CONFIG_T::n],
    const typename CONFIG_T::threshold_t thresholds[CONFIG_T::n_channels * CONFIG_T::n_thresholds],
    const typename CONFIG_T::value_t values[CONFIG_T::n_channels * (CONFIG_T::n_thresholds + 1)]) {
#pragma HLS FUNCTION_INSTANTIATE variable=thresholds,values
#pragma HLS PIPELINE II=1
#pragma HLS ARRAY_PARTITION variable=thresholds complete
#pragma HLS ARRAY_PARTITION variable=values complete

  for (unsigned i = 0; i < CONFIG_T::n; i++) {
#pragma HLS UNROLL
    const unsigned c = i % CONFIG_T::n_channels;
    res_T value = values[c * (CONFIG_T::n_thresholds + 1)];
    for (unsigned k = 0; k < CONFIG_T::n_thresholds; k++) {
#pragma HLS UNROLL
      if (!less(data[i], thresholds[c * CONFIG_T::n_thresholds + k])) {
        value = values[c * (CONFIG_T::n_thresholds + 1) + k + 1];
      }
    }
    res[i] = value;
  }
}

}  // namespace nn

#endif
