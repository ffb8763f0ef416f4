// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Chooses by a comparison with a constant: y[i] = res_T(x[i] > t ? a[i] : b[i]), or x[i] >= t.
//
// CONFIG_T: n, or_equal, threshold_t.

#ifndef NN_SELECT_H_
#define NN_SELECT_H_

#include "nn_types.h"

namespace nn {

template <class data_T, class then_T, class else_T, class res_T, typename CONFIG_T>
void select(const data_T data[CONFIG_T::n], const then_T then_data[CONFIG_T::n],
            const else_T else_data[CONFIG_T::n], res_T res[CONFIG_T::n],
            const typename CONFIG_T::threshold_t threshold) {
#pragma HLS PIPELINE II=1

  for (unsigned i = 0; i < CONFIG_T::n; i++) {
#pragma HLS UNROLL
    const bool chosen = CONFIG_T::or_equal ? !less(data[i], threshold) : less(threshold, data[i]);
    res[i] = chosen ? cast<res_T>(then_data[i]) : cast<res_T>(else_data[i]);
  }
}

}  // namespace nn

#endif
