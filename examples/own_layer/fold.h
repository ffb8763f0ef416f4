// The function of fold.sv in C++, for any types: |x| - 1.
#ifndef FOLD_H_
#define FOLD_H_

#include "ap_fixed.h"

namespace own {

template <class operand_T, class result_T> result_T fold(const operand_T &x) {
#pragma HLS INLINE
  // The smallest operand has one bit more without its sign.
  typedef decltype(x + x) wide_T;
  const wide_T size = x < 0 ? wide_T(-x) : wide_T(x);
  return result_T(size - 1);
}

}  // namespace own

#endif
