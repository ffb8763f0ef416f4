// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Rectifiers: y[i] = x[i] > t ? res_T(x[i]) : res_T(slope * x[i]), the product exact.
//
// CONFIG_T: n; threshold_t; n_slopes, slope_t (leaky_relu: element i has slope i % n_slopes).

#ifndef NN_RECTIFY_H_
#define NN_RECTIFY_H_

#include "nn_types.h"

namespace nn {

template <class data_T, class res_T, typename CONFIG_T>
void relu(const data_T data[CONFIG_T::n], res_T res[CONFIG_T::n]) {
#pragma HLS PIPELINE II=1

  for (unsigned i = 0; i < CONFIG_T::n; i++) {
#pragma HLS UNROLL
    res[i] = data_T(0) < data[i] ? cast<res_T>(data[i]) : res_T(0);
  }
}

template <class data_T, class res_T, typename CONFIG_T>
void thresholded_relu(const data_T data[CONFIG_T::n], res_T res[CONFIG_T::n],
                      const typename CONFIG_T::threshold_t threshold) {
#pragma HLS PIPELINE II=1

  for (unsigned i = 0; i < CONFIG_T::n; i++) {
#pragma HLS UNROLL
    res[i] = less(threshold, data[i]) ? cast<res_T>(data[i]) : res_T(0);
  }
}

template <class data_T, class res_T, typename CONFIG_T>
void leaky_relu(const data_T data[CONFIG_T::n], res_T res[CONFIG_T::n],
                const typename CONFIG_T::threshold_t threshold,
                const typename CONFIG_T::slope_t slopes[CONFIG_T::n_slopes]) {
#pragma HLS FUNCTION_INSTANTIATE variable=slopes
#pragma HLS PIPELINE II=1
#pragma HLS ARRAY_PARTITION variable=slopes complete

  for (unsigned i = 0; i < CONFIG_T::n; i++) {
#pragma HLS UNROLL
    res[i] = less(threshold, data[i]) ? cast<res_T>(data[i])
                                      : cast<res_T>(slopes[i % CONFIG_T::n_slopes] * data[i]);
  }
}

}  // namespace nn

#endif
