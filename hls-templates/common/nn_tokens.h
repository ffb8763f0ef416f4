// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Tokens in and out of streams, and the tasks that only move them. A task takes and gives all
// tokens of a sample, one a cycle where it can.

#ifndef NN_TOKENS_H_
#define NN_TOKENS_H_

#include "nn_array.h"
#include "nn_stream.h"

namespace nn {

// The elements of the next token. Without a pragma of its own: part of a pipelined loop, but a task
// in a loop that is a dataflow region.
template <class T, unsigned N> void read_token(hls::stream<array<T, N> > &in, T (&values)[N]) {
  const array<T, N> token = in.read();
  for (unsigned i = 0; i < N; i++) {
#pragma HLS UNROLL
    values[i] = token.data[i];
  }
}

// Gives a token.
template <class T, unsigned N>
void write_token(const T (&values)[N], hls::stream<array<T, N> > &out) {
  array<T, N> token;
#ifndef __VITIS_HLS__
#pragma HLS DATA_PACK variable=token
#endif
  for (unsigned i = 0; i < N; i++) {
#pragma HLS UNROLL
    token.data[i] = values[i];
  }
  out.write(token);
}

template <class token_T> void write_each(const token_T & /*token*/) {}

template <class token_T, class... rest_T>
void write_each(const token_T &token, hls::stream<token_T> &first, rest_T &... rest) {
#pragma HLS INLINE
  first.write(token);
  write_each(token, rest...);
}

// Every token to each of several readers.
template <class token_T, unsigned TOKENS, class... out_T>
void clone(hls::stream<token_T> &in, out_T &... out) {
#pragma HLS INLINE off
  for (unsigned t = 0; t < TOKENS; t++) {
#pragma HLS PIPELINE II=1
    const token_T token = in.read();
#ifndef __VITIS_HLS__
#pragma HLS DATA_PACK variable=token
#endif
    write_each(token, out...);
  }
}

// Tokens that nobody reads.
template <class token_T, unsigned TOKENS> void discard(hls::stream<token_T> &in) {
#pragma HLS INLINE off
  for (unsigned t = 0; t < TOKENS; t++) {
#pragma HLS PIPELINE II=1
    in.read();
  }
}

// Every token TIMES times; TOKENS of them come in.
template <class token_T, unsigned TOKENS, unsigned TIMES>
void repeat(hls::stream<token_T> &in, hls::stream<token_T> &out) {
#pragma HLS INLINE off
  token_T token;
#ifndef __VITIS_HLS__
#pragma HLS DATA_PACK variable=token
#endif
  unsigned time = 0;
  for (unsigned t = 0; t < TOKENS * TIMES; t++) {
#pragma HLS PIPELINE II=1
    if (time == 0) {
      token = in.read();
    }
    out.write(token);
    time = time == TIMES - 1 ? 0 : time + 1;
  }
}

// Several tokens become one, the first in front; TOKENS of them come in.
template <class in_T, class out_T, unsigned TOKENS>
void collect(hls::stream<in_T> &in, hls::stream<out_T> &out) {
#pragma HLS INLINE off
  const unsigned ratio = out_T::size / in_T::size;
  typename out_T::value_type held[out_T::size];
#pragma HLS ARRAY_PARTITION variable=held complete

  unsigned count = 0;
  for (unsigned t = 0; t < TOKENS; t++) {
#pragma HLS PIPELINE II=1
    const in_T token = in.read();
    // Moved to the front: no element is written to a place that changes.
    for (unsigned i = 0; i < out_T::size - in_T::size; i++) {
#pragma HLS UNROLL
      held[i] = held[i + in_T::size];
    }
    for (unsigned i = 0; i < in_T::size; i++) {
#pragma HLS UNROLL
      held[out_T::size - in_T::size + i] = token.data[i];
    }
    if (count == ratio - 1) {
      write_token(held, out);
    }
    count = count == ratio - 1 ? 0 : count + 1;
  }
}

// One token becomes several, the front one first; TOKENS of them go out.
template <class in_T, class out_T, unsigned TOKENS>
void spread(hls::stream<in_T> &in, hls::stream<out_T> &out) {
#pragma HLS INLINE off
  const unsigned ratio = in_T::size / out_T::size;
  typename in_T::value_type held[in_T::size];
#pragma HLS ARRAY_PARTITION variable=held complete

  unsigned count = 0;
  for (unsigned t = 0; t < TOKENS; t++) {
#pragma HLS PIPELINE II=1
    if (count == 0) {
      read_token(in, held);
    }
    typename out_T::value_type front[out_T::size];
#pragma HLS ARRAY_PARTITION variable=front complete
    for (unsigned i = 0; i < out_T::size; i++) {
#pragma HLS UNROLL
      front[i] = held[i];
    }
    write_token(front, out);
    for (unsigned i = 0; i < in_T::size - out_T::size; i++) {
#pragma HLS UNROLL
      held[i] = held[i + out_T::size];
    }
    count = count == ratio - 1 ? 0 : count + 1;
  }
}

// The tokens of a sample in another order: TOKENS of them come in, READS go out as the list says.
template <class token_T, unsigned TOKENS, unsigned READS>
void permute(hls::stream<token_T> &in, hls::stream<token_T> &out, const unsigned (&list)[READS]) {
#pragma HLS INLINE off
  token_T held[TOKENS];
  for (unsigned t = 0; t < TOKENS; t++) {
#pragma HLS PIPELINE II=1
    held[t] = in.read();
  }
  for (unsigned t = 0; t < READS; t++) {
#pragma HLS PIPELINE II=1
    out.write(held[list[t]]);
  }
}

// Some of TOKENS tokens: those of the list, which are READS and in order.
template <class token_T, unsigned TOKENS, unsigned READS>
void select_tokens(hls::stream<token_T> &in, hls::stream<token_T> &out,
                   const unsigned (&list)[READS]) {
#pragma HLS INLINE off
  unsigned next = 0;
  for (unsigned t = 0; t < TOKENS; t++) {
#pragma HLS PIPELINE II=1
    const token_T token = in.read();
#ifndef __VITIS_HLS__
#pragma HLS DATA_PACK variable=token
#endif
    if (next < READS && list[next] == t) {
      out.write(token);
      next++;
    }
  }
}

// All elements of a tensor as tokens: what a test bench gives.
template <class T, unsigned N>
void feed(const T *values, unsigned tokens, hls::stream<array<T, N> > &out) {
  for (unsigned t = 0; t < tokens; t++) {
    array<T, N> token;
    for (unsigned i = 0; i < N; i++) {
      token.data[i] = values[t * N + i];
    }
    out.write(token);
  }
}

// All elements of a tensor: what a test bench takes.
template <class T, unsigned N>
void drain(hls::stream<array<T, N> > &in, unsigned tokens, T *values) {
  for (unsigned t = 0; t < tokens; t++) {
    const array<T, N> token = in.read();
    for (unsigned i = 0; i < N; i++) {
      values[t * N + i] = token.data[i];
    }
  }
}

}  // namespace nn

#endif
