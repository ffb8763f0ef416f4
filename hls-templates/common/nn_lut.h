// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Looks values up in a table of constants: y[i] = res_T(table[address(x[i])]).

#ifndef NN_LUT_H_
#define NN_LUT_H_

#include "nn_types.h"

namespace nn {

// The table covers a range of values with equal steps:
//
//   address = trunc(x * scale) + offset, toward zero, limited to the table
//
// where scale is the number of entries per unit (negative if the table runs the other way).
// CONFIG_T: n, n_entries, offset, scale_t, entry_t; address_bits of a signed number that holds
// every address and -offset with room to spare, so that saturating to it changes nothing.
template <class data_T, class res_T, typename CONFIG_T>
void lut_range(const data_T data[CONFIG_T::n], res_T res[CONFIG_T::n],
               const typename CONFIG_T::entry_t table[CONFIG_T::n_entries],
               const typename CONFIG_T::scale_t scale) {
#pragma HLS FUNCTION_INSTANTIATE variable=table
#pragma HLS PIPELINE II=1
  typedef limited_t<CONFIG_T::address_bits> step_t;
  typedef signed_t<CONFIG_T::address_bits + 1> address_t;
  const address_t last = CONFIG_T::n_entries - 1;

  for (unsigned i = 0; i < CONFIG_T::n; i++) {
#pragma HLS UNROLL
    const step_t step = cast<step_t>(data[i] * scale);
    address_t address = to_integer(step) + address_t(CONFIG_T::offset);
    if (address < 0) {
      address = 0;
    } else if (address > last) {
      address = last;
    }
    res[i] = cast<res_T>(table[address.to_uint()]);
  }
}

// The address is the most significant address_bits bits of x, read as an unsigned number.
// CONFIG_T: n, n_entries, address_bits, entry_t.
template <class data_T, class res_T, typename CONFIG_T>
void lut_bits(const data_T data[CONFIG_T::n], res_T res[CONFIG_T::n],
              const typename CONFIG_T::entry_t table[CONFIG_T::n_entries]) {
#pragma HLS FUNCTION_INSTANTIATE variable=table
#pragma HLS PIPELINE II=1
  const int width = format<data_T>::width;

  for (unsigned i = 0; i < CONFIG_T::n; i++) {
#pragma HLS UNROLL
    unsigned_t<width> address = to_bits(data[i]);
    address >>= width - CONFIG_T::address_bits;
    res[i] = cast<res_T>(table[address.to_uint()]);
  }
}

// The address is a small floating-point number: the place of the leading one of x, whose bits are
// read as an unsigned number, and the `bits` bits behind it. Numbers below 2^(bits + 1) are their own
// address.
// CONFIG_T: n, n_entries, bits, entry_t; largest_step, the largest power of two that x is shifted by.
template <class data_T, class res_T, typename CONFIG_T>
void lut_float(const data_T data[CONFIG_T::n], res_T res[CONFIG_T::n],
               const typename CONFIG_T::entry_t table[CONFIG_T::n_entries]) {
#pragma HLS FUNCTION_INSTANTIATE variable=table
#pragma HLS PIPELINE II=1
  const int width = format<data_T>::width;

  for (unsigned i = 0; i < CONFIG_T::n; i++) {
#pragma HLS UNROLL
    unsigned_t<width> rest = to_bits(data[i]);
    unsigned exponent = 0;
    for (unsigned step = CONFIG_T::largest_step; step > 0; step /= 2) {
#pragma HLS UNROLL
      const unsigned_t<width> high = rest >> (CONFIG_T::bits + step);
      if (high != 0) {
        rest >>= step;
        exponent += step;
      }
    }
    res[i] = cast<res_T>(table[(exponent << CONFIG_T::bits) + rest.to_uint()]);
  }
}

// The same where every element has bits of its own: of the common type's bits, the lowest drops[i]
// are left out and the next bits[i] are the address.
template <class data_T, class res_T, typename CONFIG_T>
void lut_bits_each(const data_T data[CONFIG_T::n], res_T res[CONFIG_T::n],
                   const typename CONFIG_T::entry_t table[CONFIG_T::n_entries],
                   const unsigned drops[CONFIG_T::n], const unsigned bits[CONFIG_T::n]) {
#pragma HLS FUNCTION_INSTANTIATE variable=table
#pragma HLS PIPELINE II=1
#pragma HLS ARRAY_PARTITION variable=drops complete
#pragma HLS ARRAY_PARTITION variable=bits complete
  const int width = format<data_T>::width;

  for (unsigned i = 0; i < CONFIG_T::n; i++) {
#pragma HLS UNROLL
    unsigned_t<width> address = to_bits(data[i]);
    address >>= drops[i];
    res[i] = cast<res_T>(table[address.to_uint() & ((1u << bits[i]) - 1)]);
  }
}

}  // namespace nn

#endif
