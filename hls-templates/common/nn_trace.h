// SPDX-License-Identifier: MIT OR Apache-2.0
//
// NN_TRACE(value, n) shows the n elements of a value to the C simulation. It is nothing at all in
// synthesis, and when nobody asked for a trace.

#ifndef NN_TRACE_H_
#define NN_TRACE_H_

#if defined(NN_TRACING) && !defined(__SYNTHESIS__)
namespace nn {
template <class T> void trace(const char *name, const T *values, unsigned n);
}
#define NN_TRACE(value, n) nn::trace(#value, value, n)
#else
#define NN_TRACE(value, n)
#endif

#endif
