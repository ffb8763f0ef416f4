// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Wiring: reshapes, permutations, slices, concatenations and copies. No value changes.

#ifndef NN_REORDER_H_
#define NN_REORDER_H_

#include "nn_types.h"

namespace nn {

// The same elements in the same order. CONFIG_T: n.
template <class data_T, class res_T, typename CONFIG_T>
void copy(const data_T data[CONFIG_T::n], res_T res[CONFIG_T::n]) {
#pragma HLS PIPELINE II=1

  for (unsigned i = 0; i < CONFIG_T::n; i++) {
#pragma HLS UNROLL
    res[i] = data[i];
  }
}

// res[i] = data[elements[i]]. CONFIG_T: n.
template <class data_T, class res_T, typename CONFIG_T>
void gather(const data_T data[], res_T res[CONFIG_T::n], const unsigned elements[CONFIG_T::n]) {
#pragma HLS FUNCTION_INSTANTIATE variable=elements
#pragma HLS PIPELINE II=1
#pragma HLS ARRAY_PARTITION variable=elements complete

  for (unsigned i = 0; i < CONFIG_T::n; i++) {
#pragma HLS UNROLL
    res[i] = data[elements[i]];
  }
}

// The element at a position of the operand with a number.
template <class res_T, class data_T>
res_T pick(unsigned /*operand*/, unsigned element, const data_T *data) {
#pragma HLS INLINE
  return data[element];
}

template <class res_T, class data_T, class... rest_T>
res_T pick(unsigned operand, unsigned element, const data_T *data, const rest_T *... rest) {
#pragma HLS INLINE
  return operand == 0 ? res_T(data[element]) : pick<res_T>(operand - 1, element, rest...);
}

// res[i] = element elements[i] of operand operands[i]. CONFIG_T: n.
template <class res_T, typename CONFIG_T, class... data_T>
void gather_from(res_T res[CONFIG_T::n], const unsigned operands[CONFIG_T::n],
                 const unsigned elements[CONFIG_T::n], const data_T *... data) {
#pragma HLS FUNCTION_INSTANTIATE variable=operands,elements
#pragma HLS PIPELINE II=1
#pragma HLS ARRAY_PARTITION variable=operands complete
#pragma HLS ARRAY_PARTITION variable=elements complete

  for (unsigned i = 0; i < CONFIG_T::n; i++) {
#pragma HLS UNROLL
    res[i] = pick<res_T>(operands[i], elements[i], data...);
  }
}

// Writes an element to each copy.
template <class data_T> void put(unsigned i, const data_T &x, data_T *copy) {
#pragma HLS INLINE
  copy[i] = x;
}

template <class data_T, class... rest_T>
void put(unsigned i, const data_T &x, data_T *copy, rest_T *... rest) {
#pragma HLS INLINE
  copy[i] = x;
  put(i, x, rest...);
}

// Copies of a value for as many readers: in a dataflow region an array has one.
template <class data_T, unsigned N, class... copy_T>
void fork(const data_T data[N], copy_T *... copies) {
#pragma HLS PIPELINE II=1

  for (unsigned i = 0; i < N; i++) {
#pragma HLS UNROLL
    put(i, data[i], copies...);
  }
}

}  // namespace nn

#endif
