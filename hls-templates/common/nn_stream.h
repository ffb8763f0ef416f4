// SPDX-License-Identifier: MIT OR Apache-2.0
//
// hls::stream: the vendor's in synthesis and where its scripts define NN_VENDOR_STREAM, else this
// stand-in, an unbounded queue. It ends the program with a message if it is read while empty, or if
// something is left in it at the end of its life: the counts of tokens of two tasks differ.

#ifndef NN_STREAM_H_
#define NN_STREAM_H_

#if defined(__SYNTHESIS__) || defined(NN_VENDOR_STREAM)
#include "hls_stream.h"
#else

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string>

namespace hls {

template <class T, int DEPTH = 0> class stream {
 public:
  stream() : name_("stream") {}
  explicit stream(const char *name) : name_(name) {}
  ~stream() {
    if (!empty()) {
      fail("tokens are left");
    }
  }
  stream(const stream &) = delete;
  stream &operator=(const stream &) = delete;

  bool empty() const { return queue_.empty(); }
  bool full() const { return false; }
  unsigned size() const { return static_cast<unsigned>(queue_.size()); }

  void write(const T &value) { queue_.push_back(value); }
  bool write_nb(const T &value) {
    write(value);
    return true;
  }

  T read() {
    T value = T();
    if (!read_nb(value)) {
      fail("read while empty");
    }
    return value;
  }
  void read(T &value) { value = read(); }
  bool read_nb(T &value) {
    if (empty()) {
      return false;
    }
    value = queue_.front();
    queue_.pop_front();
    return true;
  }

  void operator<<(const T &value) { write(value); }
  void operator>>(T &value) { value = read(); }

 private:
  void fail(const char *what) const {
    std::fprintf(stderr, "%s: %s\n", name_.c_str(), what);
    std::abort();
  }

  std::string name_;
  std::deque<T> queue_;
};

}  // namespace hls

#endif

#endif
