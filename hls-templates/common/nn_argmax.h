// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One-hot maximum: 1 (cast to res_T) at the first largest element of every group, 0 elsewhere.
//
// CONFIG_T: group (elements of a group), n_groups.

#ifndef NN_ARGMAX_H_
#define NN_ARGMAX_H_

#include "nn_types.h"

namespace nn {

template <class data_T, class res_T, typename CONFIG_T>
void argmax(const data_T data[CONFIG_T::n_groups * CONFIG_T::group],
            res_T res[CONFIG_T::n_groups * CONFIG_T::group]) {
#pragma HLS PIPELINE II=1

  for (unsigned g = 0; g < CONFIG_T::n_groups; g++) {
#pragma HLS UNROLL
    const unsigned first = g * CONFIG_T::group;
    data_T best = data[first];
    unsigned best_at = 0;
    for (unsigned i = 1; i < CONFIG_T::group; i++) {
#pragma HLS UNROLL
      if (data[first + i] > best) {
        best = data[first + i];
        best_at = i;
      }
    }
    for (unsigned i = 0; i < CONFIG_T::group; i++) {
#pragma HLS UNROLL
      res[first + i] = i == best_at ? cast<res_T>(natural_t<1>(1)) : res_T(0);
    }
  }
}

}  // namespace nn

#endif
