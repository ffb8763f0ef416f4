// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Product with a constant matrix, on the last axis of a tensor:
//
//   acc = accum_t(b[j]);  acc = accum_t(acc + accum_t(x[i] * w[i][j])) for ascending i
//   y[j] = res_T(acc)
//
// Every product is cast to accum_t before it is added. All strategies add in ascending order of
// i, so their results are identical even if accum_t saturates on the way (where it can,
// `distributed` is refused).
//
// CONFIG_T: n_in, n_out, positions (rows that share the matrix), parallel (rows at once, a divisor of
// positions), reuse_factor, multiplier_limit, block_factor, weight_t, bias_t, accum_t; for
// `distributed` also sum_t, product_t and adders.

#ifndef NN_MAC_H_
#define NN_MAC_H_

#include "nn_types.h"

namespace nn {

// One row with all its products.
template <class data_T, class res_T, typename CONFIG_T>
void mac_row(const data_T data[CONFIG_T::n_in], res_T res[CONFIG_T::n_out],
             const typename CONFIG_T::weight_t weights[CONFIG_T::n_in * CONFIG_T::n_out],
             const typename CONFIG_T::bias_t biases[CONFIG_T::n_out]) {
#pragma HLS INLINE
  typename CONFIG_T::accum_t acc[CONFIG_T::n_out];
#pragma HLS ARRAY_PARTITION variable=acc complete

  for (unsigned j = 0; j < CONFIG_T::n_out; j++) {
#pragma HLS UNROLL
    acc[j] = cast<typename CONFIG_T::accum_t>(biases[j]);
  }

  for (unsigned i = 0; i < CONFIG_T::n_in; i++) {
#pragma HLS UNROLL
    for (unsigned j = 0; j < CONFIG_T::n_out; j++) {
#pragma HLS UNROLL
      acc[j] +=
          cast<typename CONFIG_T::accum_t>(data[i] * weights[i * CONFIG_T::n_out + j]);
    }
  }

  for (unsigned j = 0; j < CONFIG_T::n_out; j++) {
#pragma HLS UNROLL
    res[j] = cast<res_T>(acc[j]);
  }
}

// Everything in parallel; a multiplier serves `reuse_factor` products, one sample starts every
// `reuse_factor` cycles.
template <class data_T, class res_T, typename CONFIG_T>
void mac_latency(const data_T data[CONFIG_T::positions * CONFIG_T::n_in],
                 res_T res[CONFIG_T::positions * CONFIG_T::n_out],
                 const typename CONFIG_T::weight_t weights[CONFIG_T::n_in * CONFIG_T::n_out],
                 const typename CONFIG_T::bias_t biases[CONFIG_T::n_out]) {
#pragma HLS FUNCTION_INSTANTIATE variable=weights,biases
#pragma HLS PIPELINE II=CONFIG_T::reuse_factor
#pragma HLS ARRAY_PARTITION variable=weights complete
#pragma HLS ARRAY_PARTITION variable=biases complete
#pragma HLS ALLOCATION operation instances=mul limit=CONFIG_T::multiplier_limit

  for (unsigned p = 0; p < CONFIG_T::positions; p++) {
#pragma HLS UNROLL
    mac_row<data_T, res_T, CONFIG_T>(&data[p * CONFIG_T::n_in], &res[p * CONFIG_T::n_out], weights,
                                     biases);
  }
}

// The same hardware for `parallel` rows, used for all of them in turn.
template <class data_T, class res_T, typename CONFIG_T>
void mac_latency_in_turn(const data_T data[CONFIG_T::positions * CONFIG_T::n_in],
                         res_T res[CONFIG_T::positions * CONFIG_T::n_out],
                         const typename CONFIG_T::weight_t weights[CONFIG_T::n_in * CONFIG_T::n_out],
                         const typename CONFIG_T::bias_t biases[CONFIG_T::n_out]) {
#pragma HLS FUNCTION_INSTANTIATE variable=weights,biases
#pragma HLS ARRAY_PARTITION variable=weights complete
#pragma HLS ARRAY_PARTITION variable=biases complete

  for (unsigned first = 0; first < CONFIG_T::positions; first += CONFIG_T::parallel) {
#pragma HLS PIPELINE II=CONFIG_T::reuse_factor rewind
#pragma HLS ALLOCATION operation instances=mul limit=CONFIG_T::multiplier_limit
    for (unsigned q = 0; q < CONFIG_T::parallel; q++) {
#pragma HLS UNROLL
      const unsigned p = first + q;
      mac_row<data_T, res_T, CONFIG_T>(&data[p * CONFIG_T::n_in], &res[p * CONFIG_T::n_out],
                                       weights, biases);
    }
  }
}

// One block of `block_factor` products a cycle, `reuse_factor` cycles for `parallel` rows. A block is a run of
// the matrix in memory order: whole rows (ascending inputs) while there are fewer blocks than
// rows, else a part of one row. The weights of a block are one word of a memory.
template <class data_T, class res_T, typename CONFIG_T>
void mac_resource(const data_T data[CONFIG_T::positions * CONFIG_T::n_in],
                  res_T res[CONFIG_T::positions * CONFIG_T::n_out],
                  const typename CONFIG_T::weight_t weights[CONFIG_T::n_in * CONFIG_T::n_out],
                  const typename CONFIG_T::bias_t biases[CONFIG_T::n_out]) {
#pragma HLS FUNCTION_INSTANTIATE variable=weights,biases
#pragma HLS ARRAY_RESHAPE variable=weights cyclic factor=CONFIG_T::block_factor
#pragma HLS ARRAY_PARTITION variable=biases complete
  if (CONFIG_T::reuse_factor > 1) {
#ifdef __VITIS_HLS__
#pragma HLS BIND_STORAGE variable=weights type=ROM_NP impl=BRAM
#else
#pragma HLS RESOURCE variable=weights core=ROM_nP_BRAM
#endif
  }

  // Blocks of a row (1 if a block holds whole rows), and rows of a block.
  const unsigned blocks = CONFIG_T::reuse_factor > CONFIG_T::n_in
                              ? CONFIG_T::reuse_factor / CONFIG_T::n_in
                              : 1;
  const unsigned rows = CONFIG_T::reuse_factor > CONFIG_T::n_in
                            ? 1
                            : CONFIG_T::n_in / CONFIG_T::reuse_factor;
  const unsigned columns = CONFIG_T::n_out / blocks;
  static_assert(CONFIG_T::block_factor * CONFIG_T::reuse_factor ==
                    CONFIG_T::n_in * CONFIG_T::n_out,
                "the reuse factor must split the matrix into equal blocks");

  for (unsigned first = 0; first < CONFIG_T::positions; first += CONFIG_T::parallel) {
    typename CONFIG_T::accum_t acc[CONFIG_T::parallel * CONFIG_T::n_out];
#pragma HLS ARRAY_PARTITION variable=acc complete

    for (unsigned j = 0; j < CONFIG_T::parallel * CONFIG_T::n_out; j++) {
#pragma HLS UNROLL
      acc[j] = cast<typename CONFIG_T::accum_t>(biases[j % CONFIG_T::n_out]);
    }

    for (unsigned r = 0; r < CONFIG_T::reuse_factor; r++) {
#pragma HLS PIPELINE II=1 rewind
      const unsigned first_row = r / blocks * rows;
      const unsigned first_column = r % blocks * columns;

      for (unsigned q = 0; q < CONFIG_T::parallel; q++) {
#pragma HLS UNROLL
        for (unsigned i = 0; i < rows; i++) {
#pragma HLS UNROLL
          for (unsigned j = 0; j < columns; j++) {
#pragma HLS UNROLL
            acc[q * CONFIG_T::n_out + first_column + j] += cast<typename CONFIG_T::accum_t>(
                data[(first + q) * CONFIG_T::n_in + first_row + i] *
                weights[r * CONFIG_T::block_factor + i * columns + j]);
          }
        }
      }
    }

    for (unsigned j = 0; j < CONFIG_T::parallel * CONFIG_T::n_out; j++) {
#pragma HLS UNROLL
      res[first * CONFIG_T::n_out + j] = cast<res_T>(acc[j]);
    }
  }
}

// Only the products with weights that are not zero, `block_factor` a cycle, `reuse_factor` cycles for
// `parallel` rows: in the order of the inputs, filled up with zeros. Skipping a zero changes no sum.
template <class data_T, class res_T, typename CONFIG_T>
void mac_unrolled(const data_T data[CONFIG_T::positions * CONFIG_T::n_in],
                  res_T res[CONFIG_T::positions * CONFIG_T::n_out],
                  const typename CONFIG_T::weight_t
                      weights[CONFIG_T::reuse_factor * CONFIG_T::block_factor],
                  const unsigned inputs[CONFIG_T::reuse_factor * CONFIG_T::block_factor],
                  const unsigned outputs[CONFIG_T::reuse_factor * CONFIG_T::block_factor],
                  const typename CONFIG_T::bias_t biases[CONFIG_T::n_out]) {
#pragma HLS FUNCTION_INSTANTIATE variable=weights,inputs,outputs,biases
#pragma HLS ARRAY_RESHAPE variable=weights cyclic factor=CONFIG_T::block_factor
#pragma HLS ARRAY_RESHAPE variable=inputs cyclic factor=CONFIG_T::block_factor
#pragma HLS ARRAY_RESHAPE variable=outputs cyclic factor=CONFIG_T::block_factor
#pragma HLS ARRAY_PARTITION variable=biases complete

  for (unsigned first = 0; first < CONFIG_T::positions; first += CONFIG_T::parallel) {
    typename CONFIG_T::accum_t acc[CONFIG_T::parallel * CONFIG_T::n_out];
#pragma HLS ARRAY_PARTITION variable=acc complete

    for (unsigned j = 0; j < CONFIG_T::parallel * CONFIG_T::n_out; j++) {
#pragma HLS UNROLL
      acc[j] = cast<typename CONFIG_T::accum_t>(biases[j % CONFIG_T::n_out]);
    }

    for (unsigned r = 0; r < CONFIG_T::reuse_factor; r++) {
#pragma HLS PIPELINE II=1 rewind
      for (unsigned q = 0; q < CONFIG_T::parallel; q++) {
#pragma HLS UNROLL
        for (unsigned m = 0; m < CONFIG_T::block_factor; m++) {
#pragma HLS UNROLL
          const unsigned k = r * CONFIG_T::block_factor + m;
          acc[q * CONFIG_T::n_out + outputs[k]] += cast<typename CONFIG_T::accum_t>(
              data[(first + q) * CONFIG_T::n_in + inputs[k]] * weights[k]);
        }
      }
    }

    for (unsigned j = 0; j < CONFIG_T::parallel * CONFIG_T::n_out; j++) {
#pragma HLS UNROLL
      res[first * CONFIG_T::n_out + j] = cast<res_T>(acc[j]);
    }
  }
}

// Additions of shifted inputs in place of products: `CONFIG_T::adders`. The sums are exact, so
// accum_t must neither round nor saturate on the way; that it wraps at the end changes nothing.
template <class data_T, class res_T, typename CONFIG_T>
void mac_added_row(const data_T data[CONFIG_T::n_in], res_T res[CONFIG_T::n_out],
                   const typename CONFIG_T::bias_t biases[CONFIG_T::n_out]) {
#pragma HLS INLINE
  typename CONFIG_T::sum_t sums[CONFIG_T::n_out];
#pragma HLS ARRAY_PARTITION variable=sums complete
  CONFIG_T::adders(data, sums);

  for (unsigned j = 0; j < CONFIG_T::n_out; j++) {
#pragma HLS UNROLL
    const typename CONFIG_T::accum_t acc =
        cast<typename CONFIG_T::accum_t>(cast<typename CONFIG_T::accum_t>(biases[j]) +
                                         read_as<typename CONFIG_T::product_t>(sums[j]));
    res[j] = cast<res_T>(acc);
  }
}

// All rows at once.
template <class data_T, class res_T, typename CONFIG_T>
void mac_distributed(const data_T data[CONFIG_T::positions * CONFIG_T::n_in],
                     res_T res[CONFIG_T::positions * CONFIG_T::n_out],
                     const typename CONFIG_T::bias_t biases[CONFIG_T::n_out]) {
#pragma HLS FUNCTION_INSTANTIATE variable=biases
#pragma HLS PIPELINE II=1
#pragma HLS ARRAY_PARTITION variable=biases complete

  for (unsigned p = 0; p < CONFIG_T::positions; p++) {
#pragma HLS UNROLL
    mac_added_row<data_T, res_T, CONFIG_T>(&data[p * CONFIG_T::n_in], &res[p * CONFIG_T::n_out],
                                           biases);
  }
}

// `parallel` rows at once.
template <class data_T, class res_T, typename CONFIG_T>
void mac_distributed_in_turn(const data_T data[CONFIG_T::positions * CONFIG_T::n_in],
                             res_T res[CONFIG_T::positions * CONFIG_T::n_out],
                             const typename CONFIG_T::bias_t biases[CONFIG_T::n_out]) {
#pragma HLS FUNCTION_INSTANTIATE variable=biases
#pragma HLS ARRAY_PARTITION variable=biases complete

  for (unsigned first = 0; first < CONFIG_T::positions; first += CONFIG_T::parallel) {
#pragma HLS PIPELINE II=1 rewind
    for (unsigned q = 0; q < CONFIG_T::parallel; q++) {
#pragma HLS UNROLL
      const unsigned p = first + q;
      mac_added_row<data_T, res_T, CONFIG_T>(&data[p * CONFIG_T::n_in], &res[p * CONFIG_T::n_out],
                                             biases);
    }
  }
}

}  // namespace nn

#endif
