// The function of smooth.sv in C++: a sigmoid of two parabolas,
//
//   y = 1 - (4 - x)^2 / 32 from 0 to 4 and 1 above, y(-x) = 1 - y(x), rounded toward the nearer end.
#ifndef SMOOTH_H_
#define SMOOTH_H_

#include "ap_fixed.h"
#include "ap_int.h"

namespace own {

inline ap_ufixed<8, 1> smooth(const ap_fixed<8, 4, AP_RND, AP_SAT> &x) {
#pragma HLS INLINE
  // In sixteenths; 4 are 64 of them.
  const ap_int<8> code = x.range(7, 0);
  const bool negative = code < 0;
  const ap_int<9> size = negative ? ap_int<9>(-code) : ap_int<9>(code);
  ap_uint<7> rest = 0;
  if (size < 64) {
    rest = 64 - size;
  }
  const ap_uint<14> square = rest * rest;
  const ap_uint<8> half = square >> 6;
  ap_ufixed<8, 1> y;
  y.range(7, 0) = negative ? half : ap_uint<8>(128 - half);
  return y;
}

}  // namespace own

#endif
