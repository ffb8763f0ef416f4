// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Product of two tensors, matrix by matrix of a stack:
//
//   acc = 0;  acc = accum_t(acc + a[i][s] * b[j][s]) for ascending s;  res[i][j] = res_T(acc)
//
// CONFIG_T: n_batch, n_rows, n_columns, n_sum, accum_t.

#ifndef NN_MATMUL_H_
#define NN_MATMUL_H_

#include "nn_types.h"

namespace nn {

// Products are exact, sums are cast.
template <class a_T, class b_T, class res_T, typename CONFIG_T>
void matmul(const a_T a[CONFIG_T::n_batch * CONFIG_T::n_rows * CONFIG_T::n_sum],
            const b_T b[CONFIG_T::n_batch * CONFIG_T::n_columns * CONFIG_T::n_sum],
            res_T res[CONFIG_T::n_batch * CONFIG_T::n_rows * CONFIG_T::n_columns]) {
#pragma HLS PIPELINE II=1

  for (unsigned i = 0; i < CONFIG_T::n_batch * CONFIG_T::n_rows; i++) {
#pragma HLS UNROLL
    const unsigned first = i / CONFIG_T::n_rows * CONFIG_T::n_columns;
    for (unsigned j = 0; j < CONFIG_T::n_columns; j++) {
#pragma HLS UNROLL
      typename CONFIG_T::accum_t acc = 0;
      for (unsigned s = 0; s < CONFIG_T::n_sum; s++) {
#pragma HLS UNROLL
        acc = cast<typename CONFIG_T::accum_t>(
            acc + a[i * CONFIG_T::n_sum + s] * b[(first + j) * CONFIG_T::n_sum + s]);
      }
      res[i * CONFIG_T::n_columns + j] = cast<res_T>(acc);
    }
  }
}

// Products are cast to accum_t, too, before they are added.
template <class a_T, class b_T, class res_T, typename CONFIG_T>
void matmul_products(const a_T a[CONFIG_T::n_batch * CONFIG_T::n_rows * CONFIG_T::n_sum],
                     const b_T b[CONFIG_T::n_batch * CONFIG_T::n_columns * CONFIG_T::n_sum],
                     res_T res[CONFIG_T::n_batch * CONFIG_T::n_rows * CONFIG_T::n_columns]) {
#pragma HLS PIPELINE II=1

  for (unsigned i = 0; i < CONFIG_T::n_batch * CONFIG_T::n_rows; i++) {
#pragma HLS UNROLL
    const unsigned first = i / CONFIG_T::n_rows * CONFIG_T::n_columns;
    for (unsigned j = 0; j < CONFIG_T::n_columns; j++) {
#pragma HLS UNROLL
      typename CONFIG_T::accum_t acc = 0;
      for (unsigned s = 0; s < CONFIG_T::n_sum; s++) {
#pragma HLS UNROLL
        acc += cast<typename CONFIG_T::accum_t>(a[i * CONFIG_T::n_sum + s] *
                                                b[(first + j) * CONFIG_T::n_sum + s]);
      }
      res[i * CONFIG_T::n_columns + j] = cast<res_T>(acc);
    }
  }
}

}  // namespace nn

#endif
