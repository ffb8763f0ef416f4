// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A token: the elements of a tensor that travel together through a stream.

#ifndef NN_ARRAY_H_
#define NN_ARRAY_H_

namespace nn {

template <class T, unsigned N> struct array {
  typedef T value_type;
  static const unsigned size = N;
  T data[N];
};

}  // namespace nn

#endif
