// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What every kernel needs to know about a fixed-point type, and the one cast.

#ifndef NN_TYPES_H_
#define NN_TYPES_H_

#include "ap_fixed.h"
#include "ap_int.h"

namespace nn {

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

// Casts with the rounding and overflow of `res_T`. So does a conversion of ap_fixed, but
// - from `res_T` itself it is a copy, and lets the most negative value pass AP_SAT_SYM;
// - where all of x lies below the lowest bit of `res_T`, it reads a bit that x does not have.
// Hence x is first converted to a type with its values, without modes, that has the bit.
template <class res_T, class data_T> res_T cast(const data_T &x) {
#pragma HLS INLINE
  typedef typename format<data_T>::template exact<format<data_T>::frac - format<res_T>::frac> exact;
  return res_T(typename exact::type(x));
}

// Whether a < b, by value. The operators of ap_fixed compare bits, which goes wrong in the open
// headers for wide types of different sign; a type that holds both values is safe.
template <class a_T, class b_T> bool less(const a_T &a, const b_T &b) {
#pragma HLS INLINE
  typedef decltype(a - b) both_T;
  return both_T(a) < both_T(b);
}

// The value whose bits are `high * 2^64 + low`: for constants that no double holds.
template <class T> T from_bits(unsigned long long high, unsigned long long low) {
#pragma HLS INLINE
  ap_uint<128> bits = high;
  bits <<= 64;
  bits |= ap_uint<128>(low);
  T value;
  value.range(format<T>::width - 1, 0) = bits.range(format<T>::width - 1, 0);
  return value;
}

#ifndef __SYNTHESIS__
// An array of constants made from doubles when the program starts. g++ needs milliseconds for each
// ap_fixed in an initializer list, but no time for a double.
template <class T, unsigned N> struct constants {
  T values[N];
  explicit constants(const double (&list)[N]) {
    for (unsigned i = 0; i < N; i++) {
      values[i] = list[i];
    }
  }
};
#endif

}  // namespace nn

#endif
