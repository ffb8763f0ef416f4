// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Limits to constants: y[i] = res_T(min(max(x[i], low), high)), the comparisons exact.
//
// CONFIG_T: n, low_t, high_t.

#ifndef NN_CLAMP_H_
#define NN_CLAMP_H_

#include "nn_types.h"

namespace nn {

template <class data_T, class res_T, typename CONFIG_T>
void clamp(const data_T data[CONFIG_T::n], res_T res[CONFIG_T::n],
           const typename CONFIG_T::low_t low, const typename CONFIG_T::high_t high) {
#pragma HLS PIPELINE II=1

  for (unsigned i = 0; i < CONFIG_T::n; i++) {
#pragma HLS UNROLL
    if (less(data[i], low)) {
      res[i] = cast<res_T>(low);
    } else if (less(high, data[i])) {
      res[i] = cast<res_T>(high);
    } else {
      res[i] = cast<res_T>(data[i]);
    }
  }
}

}  // namespace nn

#endif
