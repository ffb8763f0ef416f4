// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The best few of every group, best first: their values, or their places in the group.
//
// CONFIG_T: group (elements of a group), count (how many are given), n_groups, least (the smallest
// first), last (of equals the last first), place (places are given, not values).

#ifndef NN_BEST_H_
#define NN_BEST_H_

#include "nn_types.h"

namespace nn {

// Whether b, which stands behind a, comes before it.
template <class data_T, typename CONFIG_T> bool overtakes(const data_T &a, const data_T &b) {
#pragma HLS INLINE
  const bool better = CONFIG_T::least ? b < a : b > a;
  return better || (CONFIG_T::last && b == a);
}

template <class data_T, class res_T, typename CONFIG_T>
void best_of(const data_T data[CONFIG_T::n_groups * CONFIG_T::group],
             res_T res[CONFIG_T::n_groups * CONFIG_T::count]) {
#pragma HLS PIPELINE II=1

  for (unsigned g = 0; g < CONFIG_T::n_groups; g++) {
#pragma HLS UNROLL
    bool taken[CONFIG_T::group];
#pragma HLS ARRAY_PARTITION variable=taken complete
    for (unsigned i = 0; i < CONFIG_T::group; i++) {
#pragma HLS UNROLL
      taken[i] = false;
    }
    for (unsigned rank = 0; rank < CONFIG_T::count; rank++) {
#pragma HLS UNROLL
      data_T best = data[g * CONFIG_T::group];
      unsigned best_at = 0;
      bool found = false;
      for (unsigned i = 0; i < CONFIG_T::group; i++) {
#pragma HLS UNROLL
        const data_T x = data[g * CONFIG_T::group + i];
        if (!taken[i] && (!found || overtakes<data_T, CONFIG_T>(best, x))) {
          best = x;
          best_at = i;
          found = true;
        }
      }
      taken[best_at] = true;
      res[g * CONFIG_T::count + rank] =
          CONFIG_T::place ? cast<res_T>(natural_t<32>(best_at)) : cast<res_T>(best);
    }
  }
}

}  // namespace nn

#endif
