// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a simulation is told and asked to measure: options, the file of vectors (its layout is at the top of
// harness.cpp), random numbers, words in and out of pins, spans of figures.

#ifndef NN_VECTORS_H_
#define NN_VECTORS_H_

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include "pins.h"

namespace {

using Words = std::vector<uint32_t>;

constexpr uint32_t kMagic = 0x32564e4e;

// SplitMix64; src/cosim/prng.rs has the same.
class Prng {
 public:
  explicit Prng(uint64_t seed) : state_(seed) {}

  uint64_t next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  // True with probability p / 2^32.
  bool chance(uint32_t p) { return p != 0 && (next() >> 32) < p; }

 private:
  uint64_t state_;
};

struct Options {
  const char* in = nullptr;
  const char* out = nullptr;
  const char* wave = nullptr;
  const char* load = nullptr;
  uint64_t seed = 1;
  uint64_t watchdog = 100000;
  uint32_t bubble = 0;
  uint32_t stall = 0;
  uint32_t reset = 0;
};

// The vectors of a channel.
struct Side {
  uint32_t beats = 0, words = 0;
  uint64_t total = 0;
  Words mask, rows;
};

struct Vectors {
  uint32_t samples = 0;
  std::vector<Side> in, out;
};

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "harness: %s\n", what.c_str());
  std::exit(2);
}

Options parse(int argc, char** argv) {
  if (argc < 3) die("usage: sim IN OUT [name=value ...]");
  Options options;
  options.in = argv[1];
  options.out = argv[2];
  for (int i = 3; i < argc; ++i) {
    const char* equals = std::strchr(argv[i], '=');
    if (!equals) die(std::string("not name=value: ") + argv[i]);
    const std::string name(argv[i], size_t(equals - argv[i]));
    const char* value = equals + 1;
    const uint64_t number = std::strtoull(value, nullptr, 10);
    if (name == "wave") options.wave = value;
    else if (name == "load") options.load = value;
    else if (name == "seed") options.seed = number;
    else if (name == "watchdog") options.watchdog = number;
    else if (name == "bubble") options.bubble = uint32_t(number);
    else if (name == "stall") options.stall = uint32_t(number);
    else if (name == "reset") options.reset = uint32_t(number);
    else die("unknown option " + name);
  }
  return options;
}

void read_words(std::FILE* file, Words& words, uint64_t count) {
  words.resize(count);
  if (std::fread(words.data(), sizeof(uint32_t), count, file) != count) die("vectors too short");
}

Vectors read_vectors(const char* path) {
  std::FILE* file = std::fopen(path, "rb");
  if (!file) die(std::string("cannot read ") + path);
  Words head;
  read_words(file, head, 2 + 2 * (Pins::kIn + Pins::kOut));
  if (head[0] != kMagic) die("not a vector file");
  Vectors vectors;
  vectors.samples = head[1];
  vectors.in.resize(Pins::kIn);
  vectors.out.resize(Pins::kOut);
  for (uint32_t c = 0; c < Pins::kIn + Pins::kOut; ++c) {
    const bool input = c < Pins::kIn;
    Side& side = input ? vectors.in[c] : vectors.out[c - Pins::kIn];
    side.beats = head[2 + 2 * c];
    side.words = head[3 + 2 * c];
    side.total = uint64_t(vectors.samples) * side.beats;
    const uint32_t words = input ? Pins::in_words(c) : Pins::out_words(c - Pins::kIn);
    if (side.words != words) die("vectors of another design");
    if (side.total == 0) die("no vectors");
  }
  for (Side& side : vectors.in) {
    read_words(file, side.mask, side.words);
    read_words(file, side.rows, side.total * side.words);
  }
  std::fclose(file);
  return vectors;
}

// A pin is an unsigned integer of 8 to 64 bits, or a VlWide of 32-bit words. Bits above the words
// given are 0: Verilator wants the unused bits of a pin clear.
template <class Pin>
void put(Pin& pin, const uint32_t* words, uint32_t count) {
  if constexpr (std::is_integral_v<Pin>) {
    uint64_t value = words[0];
    if (count > 1) value |= uint64_t(words[1]) << 32;
    pin = Pin(value);
  } else {
    for (uint32_t i = 0; i < sizeof(Pin) / sizeof(uint32_t); ++i) {
      pin[i] = i < count ? words[i] : 0;
    }
  }
}

template <class Pin>
void get(const Pin& pin, uint32_t* words, uint32_t count) {
  if constexpr (std::is_integral_v<Pin>) {
    words[0] = uint32_t(pin);
    if (count > 1) words[1] = uint32_t(uint64_t(pin) >> 32);
  } else {
    for (uint32_t i = 0; i < count; ++i) words[i] = pin[i];
  }
}

// Smallest, largest and mean of what was added.
struct Span {
  uint64_t count = 0, min = UINT64_MAX, max = 0, sum = 0;

  void add(uint64_t value) {
    ++count;
    sum += value;
    if (value < min) min = value;
    if (value > max) max = value;
  }

  void print(const char* name) const {
    if (count == 0) {
      std::printf(",\"%s\":null", name);
    } else {
      std::printf(",\"%s\":{\"min\":%" PRIu64 ",\"mean\":%.17g,\"max\":%" PRIu64 "}", name, min,
                  double(sum) / double(count), max);
    }
  }
};

}  // namespace

#endif
