// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What every kernel needs to know about a fixed-point type, and the one cast.

#ifndef NN_TYPES_H_
#define NN_TYPES_H_

#include "nn_fixed.h"

namespace nn {

// Casts with the rounding and overflow of `res_T`. So does a conversion, but
// - from `res_T` itself it is a copy, and lets the most negative value pass symmetric saturation;
// - where all of x lies below the lowest bit of `res_T`, ap_fixed reads a bit that x does not have.
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

// The value of type T that has the bits of x.
template <class T, class data_T> T read_as(const data_T &x) {
#pragma HLS INLINE
  return of_bits<T>(to_bits(x));
}

// The value whose bits are `high * 2^64 + low`: for constants that no double holds.
template <class T> T from_bits(unsigned long long high, unsigned long long low) {
#pragma HLS INLINE
  unsigned_t<128> bits = high;
  bits <<= 64;
  bits |= unsigned_t<128>(low);
  return of_bits<T>(bits);
}

#ifdef NN_HOST
// An array of constants made from doubles when the program starts. g++ needs milliseconds for each
// number in an initializer list, but no time for a double.
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
