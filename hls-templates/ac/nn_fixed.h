// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Algorithmic C types, ac_fixed and ac_int, by the names that kernels know.

#ifndef NN_FIXED_H_
#define NN_FIXED_H_

#if defined(SYCL_LANGUAGE_VERSION)
#include <sycl/ext/intel/ac_types/ac_fixed.hpp>
#include <sycl/ext/intel/ac_types/ac_int.hpp>
#elif defined(__INTELFPGA_COMPILER__)
#include "HLS/ac_fixed.h"
#include "HLS/ac_int.h"
#include "HLS/hls.h"
#else
#include "ac_fixed.h"
#include "ac_int.h"
#endif

// Arrays of registers, as the Intel HLS compiler says it.
#ifndef hls_register
#define hls_register
#endif

// A program for this machine is made, and no hardware. The compilers of Intel make both at once.
#if !defined(__SYNTHESIS__) && !defined(__INTELFPGA_COMPILER__) && !defined(SYCL_LANGUAGE_VERSION)
#define NN_HOST
#endif

// Kernels of SYCL read no other constants.
#ifndef NN_CONSTANT
#ifdef SYCL_LANGUAGE_VERSION
#define NN_CONSTANT constexpr
#else
#define NN_CONSTANT const
#endif
#endif

namespace nn {

// Integers.
template <int W> using signed_t = ac_int<W, true>;
template <int W> using unsigned_t = ac_int<W, false>;

// Fixed-point numbers that are whole: natural ones, and any rounded toward zero and limited.
template <int W> using natural_t = ac_fixed<W, W, false>;
template <int W> using limited_t = ac_fixed<W, W, true, AC_TRN_ZERO, AC_SAT>;

// Width and binary point of a type; `exact<b>` has the same values in b or more bits.
template <class T> struct format;

template <int W, int I, bool S, ac_q_mode Q, ac_o_mode O> struct format<ac_fixed<W, I, S, Q, O> > {
  static const int width = W;
  static const int frac = W - I;
  typedef ac_int<W, S> mantissa_t;
  template <int BITS> struct exact {
    typedef ac_fixed<(BITS > W ? BITS : W), (BITS > W ? BITS : W) - W + I, S> type;
  };
};

// The integer part, of a number that has no other.
template <int W> signed_t<W> to_integer(const limited_t<W> &x) { return x.to_ac_int(); }

// The bits of a number, as an unsigned integer.
template <class T> unsigned_t<format<T>::width> to_bits(const T &x) {
  return x.template slc<format<T>::width>(0);
}

// The number without its point.
template <class T> typename format<T>::mantissa_t to_mantissa(const T &x) {
  return x.template slc<format<T>::width>(0);
}

// The number that has these bits, from the lowest one on.
template <class T, int W> T of_bits(const unsigned_t<W> &bits) {
  T value = 0;
  value.set_slc(0, bits.template slc<format<T>::width>(0));
  return value;
}

}  // namespace nn

#endif
