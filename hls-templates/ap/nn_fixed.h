// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The types of AMD's compilers, ap_fixed and ap_int, by the names that kernels know.

#ifndef NN_FIXED_H_
#define NN_FIXED_H_

#include "ap_fixed.h"
#include "ap_int.h"

// A program for this machine is made, and no hardware.
#ifndef __SYNTHESIS__
#define NN_HOST
#endif

namespace nn {

// Integers.
template <int W> using signed_t = ap_int<W>;
template <int W> using unsigned_t = ap_uint<W>;

// Fixed-point numbers that are whole: natural ones, and any rounded toward zero and limited.
template <int W> using natural_t = ap_ufixed<W, W>;
template <int W> using limited_t = ap_fixed<W, W, AP_TRN_ZERO, AP_SAT>;

// Width and binary point of a type; `exact<b>` has the same values in b or more bits.
template <class T> struct format;

template <int W, int I, ap_q_mode Q, ap_o_mode O, int N> struct format<ap_fixed<W, I, Q, O, N> > {
  static const int width = W;
  static const int frac = W - I;
  typedef ap_int<W> mantissa_t;
  template <int BITS> struct exact {
    typedef ap_fixed<(BITS > W ? BITS : W), (BITS > W ? BITS : W) - W + I> type;
  };
};

template <int W, int I, ap_q_mode Q, ap_o_mode O, int N> struct format<ap_ufixed<W, I, Q, O, N> > {
  static const int width = W;
  static const int frac = W - I;
  typedef ap_uint<W> mantissa_t;
  template <int BITS> struct exact {
    typedef ap_ufixed<(BITS > W ? BITS : W), (BITS > W ? BITS : W) - W + I> type;
  };
};

// The integer part, of a number that has no other.
template <int W> signed_t<W> to_integer(const limited_t<W> &x) {
#pragma HLS INLINE
  return signed_t<W>(x);
}

// The bits of a number, as an unsigned integer.
template <class T> unsigned_t<format<T>::width> to_bits(const T &x) {
#pragma HLS INLINE
  return x.range(format<T>::width - 1, 0);
}

// The number without its point.
template <class T> typename format<T>::mantissa_t to_mantissa(const T &x) {
#pragma HLS INLINE
  return x.range(format<T>::width - 1, 0);
}

// The number that has these bits, from the lowest one on.
template <class T, int W> T of_bits(const unsigned_t<W> &bits) {
#pragma HLS INLINE
  T value;
  value.range(format<T>::width - 1, 0) = bits.range(format<T>::width - 1, 0);
  return value;
}

}  // namespace nn

#endif
