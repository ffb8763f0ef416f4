// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Sliding windows over a stream: a delay line with taps.
//
// Tokens of a sample come one after the other, pixels of an image in rows. Places lie on a grid of
// axes, the slowest first. The window of a place is complete when the token numbered `need` is the
// newest in the line: the first one's after `first` others, and `steps[a]` more when axis `a`
// advances and all faster ones begin again. A tap is inside of the image where the place along every
// axis is between `low` and `high`; elsewhere it is `pad`. Behind the last token the line moves on
// without any until the last window is complete.

#ifndef NN_WINDOW_H_
#define NN_WINDOW_H_

#include "nn_array.h"
#include "nn_stream.h"
#include "nn_tokens.h"

namespace nn {

// A part of the line, LENGTH tokens from the one that moves in to the one at the tap. The tap is a
// register, what is before it a ring of memory, in which a word is read and written in a cycle.
template <typename CONFIG_T, unsigned TAP, class T, unsigned SIZE, unsigned LENGTH> struct delay {
  static void shift(const T in[SIZE], T tap[SIZE]) {
#pragma HLS INLINE
    static T ring[SIZE][LENGTH - 1];
#pragma HLS ARRAY_PARTITION variable=ring complete dim=1
    static unsigned at = 0;

    for (unsigned i = 0; i < SIZE; i++) {
#pragma HLS UNROLL
      tap[i] = ring[i][at];
      ring[i][at] = in[i];
    }
    at = at == LENGTH - 2 ? 0 : at + 1;
  }
};

template <typename CONFIG_T, unsigned TAP, class T, unsigned SIZE>
struct delay<CONFIG_T, TAP, T, SIZE, 1> {
  static void shift(const T in[SIZE], T tap[SIZE]) {
#pragma HLS INLINE
    for (unsigned i = 0; i < SIZE; i++) {
#pragma HLS UNROLL
      tap[i] = in[i];
    }
  }
};

// The line from a tap on: the length of the part before each tap. The oldest tap moves first, while
// the ones before it still hold what comes into its part.
template <typename CONFIG_T, unsigned TAP, class T, unsigned SIZE, unsigned... LENGTHS> struct line;

template <typename CONFIG_T, unsigned TAP, class T, unsigned SIZE, unsigned LENGTH>
struct line<CONFIG_T, TAP, T, SIZE, LENGTH> {
  static void shift(const T in[SIZE], T taps[SIZE]) {
#pragma HLS INLINE
    delay<CONFIG_T, TAP, T, SIZE, LENGTH>::shift(in, taps);
  }
};

template <typename CONFIG_T, unsigned TAP, class T, unsigned SIZE, unsigned LENGTH, unsigned NEXT,
          unsigned... REST>
struct line<CONFIG_T, TAP, T, SIZE, LENGTH, NEXT, REST...> {
  static void shift(const T in[SIZE], T taps[(2 + sizeof...(REST)) * SIZE]) {
#pragma HLS INLINE
    line<CONFIG_T, TAP + 1, T, SIZE, NEXT, REST...>::shift(taps, taps + SIZE);
    delay<CONFIG_T, TAP, T, SIZE, LENGTH>::shift(in, taps);
  }
};

// CONFIG_T: tokens (that come in), moves (of the line, and windows without one), first, axes, taps,
// line_t.
template <class in_T, class out_T, typename CONFIG_T>
void window(hls::stream<in_T> &in, hls::stream<out_T> &out,
            const unsigned extents[CONFIG_T::axes], const unsigned steps[CONFIG_T::axes],
            const unsigned low[CONFIG_T::taps * CONFIG_T::axes],
            const unsigned high[CONFIG_T::taps * CONFIG_T::axes],
            const typename in_T::value_type pad) {
#pragma HLS INLINE off
#pragma HLS FUNCTION_INSTANTIATE variable=extents,steps,low,high
#pragma HLS ARRAY_PARTITION variable=extents complete
#pragma HLS ARRAY_PARTITION variable=steps complete
#pragma HLS ARRAY_PARTITION variable=low complete
#pragma HLS ARRAY_PARTITION variable=high complete
  typedef typename in_T::value_type value_T;
  static value_T taps[out_T::size];
#pragma HLS ARRAY_PARTITION variable=taps complete
  unsigned place[CONFIG_T::axes];
#pragma HLS ARRAY_PARTITION variable=place complete
  for (unsigned a = 0; a < CONFIG_T::axes; a++) {
#pragma HLS UNROLL
    place[a] = 0;
  }

  unsigned head = 0;
  unsigned need = CONFIG_T::first + 1;
  bool again = false;
  bool done = false;
  for (unsigned m = 0; m < CONFIG_T::moves; m++) {
#pragma HLS PIPELINE II=1
    // The line holds while its newest token is read again.
    if (!again) {
      value_T token[in_T::size];
#pragma HLS ARRAY_PARTITION variable=token complete
      if (head < CONFIG_T::tokens) {
        read_token(in, token);
      } else {
        for (unsigned i = 0; i < in_T::size; i++) {
#pragma HLS UNROLL
          token[i] = pad;
        }
      }
      CONFIG_T::line_t::shift(token, taps);
      head++;
    }
    again = false;

    if (!done && head == need) {
      value_T made[out_T::size];
#pragma HLS ARRAY_PARTITION variable=made complete
      for (unsigned k = 0; k < CONFIG_T::taps; k++) {
#pragma HLS UNROLL
        bool inside = true;
        for (unsigned a = 0; a < CONFIG_T::axes; a++) {
#pragma HLS UNROLL
          const unsigned at = k * CONFIG_T::axes + a;
          inside = inside && low[at] <= place[a] && place[a] <= high[at];
        }
        for (unsigned i = 0; i < in_T::size; i++) {
#pragma HLS UNROLL
          const unsigned at = k * in_T::size + i;
          made[at] = inside ? taps[at] : pad;
        }
      }
      write_token(made, out);

      // The fastest axis that is not at its end advances.
      unsigned step = 0;
      bool turns = true;
      for (unsigned a = CONFIG_T::axes; a-- > 0;) {
#pragma HLS UNROLL
        if (turns) {
          const bool at_end = place[a] == extents[a] - 1;
          place[a] = at_end ? 0 : place[a] + 1;
          step = at_end ? step : steps[a];
          turns = at_end;
        }
      }
      done = turns;
      again = !done && step == 0;
      need += step;
    }
  }
}

}  // namespace nn

#endif
