// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Drives a Verilated design with vectors from a file, checks its handshakes, and reports timing.
//
//   sim IN OUT seed=S bubble=B stall=L watchdog=W [wave=FILE]
//
// The design has one valid/ready handshake for all its inputs and one for all its outputs. A
// *sample* is `in_beats` handshakes at the input and `out_beats` at the output. Which pin is which
// comes from the generated header "pins.h"; nothing else here depends on the design.
//
// IN is a sequence of little-endian 32-bit words: magic "NNV1", samples, in_beats, out_beats,
// in_words, out_words; then the mask of the input bits that carry data (in_words); then one row
// of in_words for each beat. A row is all input pins one after the other, each from a word of its
// own on. OUT receives the rows of out_words of the beats that the design gave.
//
// Time is counted in clock edges. Before each edge the pins are driven and the design settles;
// what a pin shows then is what the edge takes. Latency is the number of cycles between the edge
// that accepts an input and the edge that hands over an output: 0 for wires, 1 for one register.
//
// With probability B/2^32 an idle input stays idle for a cycle, and with L/2^32 the output is not
// taken. While no input is offered the data pins show noise. As AXI demands, an input
// once offered stays until it is taken; the design must do the same at its output.
//
// The last line of stdout is a JSON object: the figures, and the first fault if there was one.

#include <algorithm>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include "pins.h"

#if NN_WAVE
#include "verilated_fst_c.h"
#endif

namespace {

using Words = std::vector<uint32_t>;

constexpr uint32_t kMagic = 0x31564e4e;
constexpr int kResetCycles = 8;
// After the last output the design must stay silent for this many cycles at least.
constexpr uint64_t kQuietCycles = 16;

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
  uint64_t seed = 1;
  uint64_t watchdog = 100000;
  uint32_t bubble = 0;
  uint32_t stall = 0;
};

struct Vectors {
  uint32_t samples, in_beats, out_beats, in_words, out_words;
  Words mask;
  Words rows;

  uint64_t inputs() const { return uint64_t(samples) * in_beats; }
  uint64_t outputs() const { return uint64_t(samples) * out_beats; }
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
    else if (name == "seed") options.seed = number;
    else if (name == "watchdog") options.watchdog = number;
    else if (name == "bubble") options.bubble = uint32_t(number);
    else if (name == "stall") options.stall = uint32_t(number);
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
  read_words(file, head, 6);
  if (head[0] != kMagic) die("not a vector file");
  Vectors vectors{head[1], head[2], head[3], head[4], head[5], {}, {}};
  if (vectors.in_words != Pins::kInWords || vectors.out_words != Pins::kOutWords) {
    die("vectors of another design");
  }
  read_words(file, vectors.mask, vectors.in_words);
  read_words(file, vectors.rows, vectors.inputs() * vectors.in_words);
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

class Bench {
 public:
  Bench(const Options& options, const Vectors& vectors)
      : options_(options), vectors_(vectors), prng_(options.seed), dut_(seeded(&context_, options)) {
    starts_.reserve(vectors.samples);
    ends_.reserve(vectors.samples);
    out_now_.resize(vectors.out_words);
    out_held_.resize(vectors.out_words);
    noise_.resize(vectors.in_words);
  }

  int run() {
    out_ = std::fopen(options_.out, "wb");
    if (!out_) die(std::string("cannot write ") + options_.out);
    open_wave();
    reset();
    while (fault_.empty() && quiet_ < std::max(kQuietCycles, 2 * latency_.max)) {
      drive();
      settle();
      observe();
      edge();
    }
    dut_.final();
    close_wave();
    if (std::fclose(out_) != 0) die(std::string("cannot write ") + options_.out);
    report();
    return 0;
  }

 private:
  // Registers that no reset touches start at random, so that nothing can rely on them being 0.
  static VerilatedContext* seeded(VerilatedContext* context, const Options& options) {
    context->randReset(2);
    context->randSeed(int(options.seed & 0x3fffffff) + 1);
#if NN_WAVE
    context->traceEverOn(options.wave != nullptr);
#endif
    return context;
  }

  void reset() {
    Pins::reset(dut_) = 0;
    idle();
    Pins::out_ready(dut_) = 0;
    for (int i = 0; i < kResetCycles; ++i) {
      settle();
      edge();
    }
    Pins::reset(dut_) = 1;
    cycle_ = 0;
  }

  void idle() {
    Pins::in_valid(dut_) = 0;
    Pins::in_last(dut_) = prng_.next() & 1;
    for (uint32_t i = 0; i < vectors_.in_words; ++i) {
      noise_[i] = uint32_t(prng_.next()) & vectors_.mask[i];
    }
    put_row(noise_.data());
  }

  void put_row(const uint32_t* row) {
    Pins::inputs(dut_, [&](auto& pin, uint32_t word, uint32_t count) { put(pin, row + word, count); });
  }

  // Decides what the coming edge sees.
  void drive() {
    if (!offering_) {
      if (accepted_ < vectors_.inputs() && !prng_.chance(options_.bubble)) {
        offering_ = true;
        put_row(&vectors_.rows[accepted_ * vectors_.in_words]);
        Pins::in_valid(dut_) = 1;
        Pins::in_last(dut_) = (accepted_ + 1) % vectors_.in_beats == 0;
      } else {
        idle();
      }
    }
    out_ready_ = delivered_ == vectors_.outputs() || !prng_.chance(options_.stall);
    Pins::out_ready(dut_) = out_ready_;
  }

  void settle() {
    Pins::clock(dut_) = 0;
    dut_.eval();
    dump(2 * edges_);
  }

  void edge() {
    Pins::clock(dut_) = 1;
    dut_.eval();
    dump(2 * edges_ + 1);
    ++edges_;
    ++cycle_;
  }

  // Looks at both handshakes just before the edge.
  void observe() {
    const bool in_fire = offering_ && Pins::in_ready(dut_);
    const bool out_valid = Pins::out_valid(dut_);
    const bool out_fire = out_valid && out_ready_;
    // A bubble or a stall spoils the measured interval between two inputs.
    if ((!offering_ && accepted_ < vectors_.inputs()) || (out_valid && !out_ready_)) {
      disturbed_ = true;
    }
    if (in_fire) accept();
    if (out_valid) look();
    else if (held_) fail("retracted");
    held_ = out_valid && !out_ready_;
    if (out_fire && fault_.empty()) deliver();

    if (in_fire || out_fire) {
      waited_ = 0;
    } else if (delivered_ == vectors_.outputs() && accepted_ == vectors_.inputs()) {
      ++quiet_;
    } else if (++waited_ >= options_.watchdog) {
      fail(accepted_ == vectors_.inputs() ? "missing" : "hang");
    }
  }

  void accept() {
    if (accepted_ % vectors_.in_beats == 0) {
      if (!disturbed_ && !starts_.empty()) interval_.add(cycle_ - starts_.back());
      disturbed_ = false;
      starts_.push_back(cycle_);
    }
    ++accepted_;
    if (accepted_ % vectors_.in_beats == 0) ends_.push_back(cycle_);
    offering_ = false;
  }

  // Reads the outputs; while they wait they must not change.
  void look() {
    Pins::outputs(dut_, [&](const auto& pin, uint32_t word, uint32_t count) {
      get(pin, &out_now_[word], count);
    });
    const bool last = Pins::out_last(dut_);
    if (held_ && (out_now_ != out_held_ || last != last_held_)) fail("unstable");
    out_held_ = out_now_;
    last_held_ = last;
  }

  void deliver() {
    if (delivered_ == vectors_.outputs()) return fail("extra");
    const uint64_t sample = delivered_ / vectors_.out_beats;
    if (sample >= starts_.size()) return fail("early");
    const bool ends = (delivered_ + 1) % vectors_.out_beats == 0;
    if (Pins::kHasLast && last_held_ != ends) return fail("last");
    if (delivered_ == 0) first_ = cycle_ - starts_[0];
    std::fwrite(out_now_.data(), sizeof(uint32_t), out_now_.size(), out_);
    ++delivered_;
    if (!ends) return;
    latency_.add(cycle_ - starts_[sample]);
    // A network may know its answer before the sample has ended; then there is no tail.
    tail_.add(sample < ends_.size() ? cycle_ - ends_[sample] : 0);
  }

  // Notes the first fault; the loop ends with it.
  void fail(const char* kind) {
    if (fault_.empty()) fault_ = kind;
  }

  void report() const {
    std::printf("{\"samples\":%u,\"cycles\":%" PRIu64, vectors_.samples, cycle_ - quiet_);
    if (delivered_ > 0) std::printf(",\"first\":%" PRIu64, first_);
    latency_.print("latency");
    tail_.print("tail");
    interval_.print("interval");
    if (!fault_.empty()) {
      // Sample and beat are those of the output that was due.
      std::printf(",\"fault\":{\"kind\":\"%s\",\"sample\":%" PRIu64 ",\"beat\":%" PRIu64
                  ",\"cycle\":%" PRIu64 ",\"accepted\":%" PRIu64 ",\"delivered\":%" PRIu64 "}",
                  fault_.c_str(), delivered_ / vectors_.out_beats, delivered_ % vectors_.out_beats,
                  cycle_ - 1, accepted_, delivered_);
    }
    std::printf("}\n");
  }

#if NN_WAVE
  void open_wave() {
    if (!options_.wave) return;
    dut_.trace(&wave_, 99);
    wave_.open(options_.wave);
    if (!wave_.isOpen()) die(std::string("cannot write ") + options_.wave);
  }
  void dump(uint64_t time) {
    if (options_.wave) wave_.dump(uint64_t{time});
  }
  void close_wave() {
    if (options_.wave) wave_.close();
  }
#else
  void open_wave() {
    if (options_.wave) die("built without waves");
  }
  void dump(uint64_t) {}
  void close_wave() {}
#endif

  const Options& options_;
  const Vectors& vectors_;
  Prng prng_;
  VerilatedContext context_;
#if NN_WAVE
  VerilatedFstC wave_;
#endif
  Vdut dut_;
  std::FILE* out_ = nullptr;

  uint64_t edges_ = 0;      // since the start, for the wave
  uint64_t cycle_ = 0;      // since the reset
  uint64_t waited_ = 0;     // cycles without a handshake
  uint64_t quiet_ = 0;      // cycles since all was done
  uint64_t accepted_ = 0;   // input beats
  uint64_t delivered_ = 0;  // output beats
  bool offering_ = false, out_ready_ = false;
  bool held_ = false, last_held_ = false, disturbed_ = false;
  Words noise_, out_now_, out_held_;

  std::vector<uint64_t> starts_, ends_;  // edges that took each sample's first and last beat
  uint64_t first_ = 0;
  Span latency_, tail_, interval_;
  std::string fault_;
};

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  const Vectors vectors = read_vectors(options.in);
  if (vectors.samples == 0 || vectors.in_beats == 0 || vectors.out_beats == 0) die("no vectors");
  return Bench(options, vectors).run();
}
