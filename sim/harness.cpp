// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Drives a Verilated design with vectors from a file, checks its handshakes, and reports timing.
//
//   sim IN OUT seed=S bubble=B stall=L reset=R watchdog=W [wave=FILE] [load=FILE]
//
// A *channel* is a valid/ready handshake with its data pins: one for all inputs and one for all
// outputs, or one for each. A *sample* is as many *beats* (handshakes) as each channel has for it.
// Which pin is which comes from the generated header "pins.h"; nothing else here depends on the design.
//
// IN is a sequence of little-endian 32-bit words: magic "NNV2", samples; for each input channel, then for
// each output channel, its beats and its words; then for each input channel the mask of the bits that
// carry data and one row for each beat. A row is all pins of the channel one after the other, each from
// a word of its own on. OUT receives the rows of the beats that the design gave, a channel after the other.
//
// Time is counted in clock edges. Before each edge the pins are driven and the design settles;
// what a pin shows then is what the edge takes. Latency is the number of cycles between the edge
// that accepts an input and the edge that hands over an output: 0 for wires, 1 for one register. With
// several channels a sample begins with its first beat anywhere and ends with its last one anywhere. A
// fork may hand an input over to an output while others make the input wait: that takes 0 cycles too.
//
// With probability B/2^32 an idle input stays idle for a cycle, and with L/2^32 an output is not
// taken, each channel for itself. While no input is offered the data pins show noise. As AXI demands, an input
// once offered stays until it is taken; the design must do the same at its output.
//
// With probability R/2^32 a cycle is the first of a reset, whatever is going on, but not before a sample has
// come out since the last one, so that all end. What has not come out whole is lost and given again.
//
// What load=FILE is, and what is done with it, is at the top of load.h; there are no resets then.
//
// The last line of stdout is a JSON object: the figures, and the first fault if there was one.

#include <algorithm>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "pins.h"
#include "vectors.h"
#include "load.h"

#if NN_WAVE
#include "verilated_fst_c.h"
#endif

namespace {

constexpr int kResetCycles = 8;
// After the last output the design must stay silent for this many cycles at least.
constexpr uint64_t kQuietCycles = 16;

// What an input channel is at.
struct Source {
  uint64_t accepted = 0;
  bool offering = false;
  Words noise;
};

// What an output channel is at.
struct Sink {
  uint64_t delivered = 0;
  bool ready = false, held = false, last_held = false;
  Words now, before;
  std::vector<uint32_t> rows;
};

class Bench {
 public:
  Bench(const Options& options, const Vectors& vectors)
      : options_(options), vectors_(vectors), prng_(options.seed), dut_(seeded(&context_, options)),
#if NN_LOAD
        loader_(options),
#endif
        loads_(options.seed) {
    if (options.load && (!NN_LOAD || options.reset)) die("nothing can be loaded");
    starts_.reserve(vectors.samples);
    ends_.reserve(vectors.samples);
    sources_.resize(vectors.in.size());
    sinks_.resize(vectors.out.size());
    for (uint32_t c = 0; c < sources_.size(); ++c) sources_[c].noise.resize(vectors.in[c].words);
    for (uint32_t c = 0; c < sinks_.size(); ++c) {
      sinks_[c].now.resize(vectors.out[c].words);
      sinks_[c].before.resize(vectors.out[c].words);
    }
  }

  int run() {
    open_wave();
    reset();
    cycle_ = 0;
    while (fault_.empty() && (quiet_ < std::max(kQuietCycles, 2 * latency_.max) || !loaded())) {
      drive();
      settle();
      observe();
      edge();
      if (finished_ > kept_ && finished_ < vectors_.samples && prng_.chance(options_.reset)) restart();
    }
    dut_.final();
    close_wave();
    write();
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
    for (uint32_t c = 0; c < sources_.size(); ++c) idle(c);
    for (uint32_t c = 0; c < sinks_.size(); ++c) Pins::out_ready(dut_, c) = 0;
#if NN_LOAD
    loader_.idle(dut_, loads_);
#endif
    for (int i = 0; i < kResetCycles; ++i) {
      settle();
      edge();
    }
    Pins::reset(dut_) = 1;
  }

  // A reset in the middle of samples: those that have not come out whole begin again.
  void restart() {
    ++resets_;
    kept_ = finished_;
    starts_.resize(finished_);
    ends_.resize(finished_);
    for (uint32_t c = 0; c < sources_.size(); ++c) {
      sources_[c].accepted = finished_ * vectors_.in[c].beats;
      sources_[c].offering = false;
    }
    for (uint32_t c = 0; c < sinks_.size(); ++c) {
      Sink& sink = sinks_[c];
      sink.delivered = finished_ * vectors_.out[c].beats;
      sink.held = false;
      sink.rows.resize(sink.delivered * vectors_.out[c].words);
    }
    disturbed_ = true;
    waited_ = 0;
    reset();
  }

  void idle(uint32_t c) {
    Source& source = sources_[c];
    Pins::in_valid(dut_, c) = 0;
    const uint64_t noise = prng_.next();
    Pins::in_last(dut_, c) = noise & 1;
    Pins::in_keep(dut_, c, noise);
    for (uint32_t i = 0; i < source.noise.size(); ++i) {
      source.noise[i] = uint32_t(prng_.next()) & vectors_.in[c].mask[i];
    }
    put_row(c, source.noise.data());
  }

  void put_row(uint32_t c, const uint32_t* row) {
    Pins::inputs(dut_, c,
                 [&](auto& pin, uint32_t word, uint32_t count) { put(pin, row + word, count); });
  }

#if NN_LOAD
  bool loaded() const { return loader_.done(); }
  bool waits(uint64_t sample) const { return loader_.holds(sample); }

  Progress progress() const {
    bool all = true;
    for (uint32_t c = 0; c < sources_.size(); ++c) {
      all = all && sources_[c].accepted == vectors_.in[c].total;
    }
    return {begun(), finished_, vectors_.samples, all};
  }
#else
  bool loaded() const { return true; }
  bool waits(uint64_t) const { return false; }
#endif

  // Decides what the coming edge sees.
  void drive() {
#if NN_LOAD
    loader_.drive(dut_, loads_, progress());
#endif
    for (uint32_t c = 0; c < sources_.size(); ++c) {
      Source& source = sources_[c];
      const Side& side = vectors_.in[c];
      if (source.offering) continue;
      const bool there = source.accepted < side.total && !waits(source.accepted / side.beats);
      if (there && !prng_.chance(options_.bubble)) {
        source.offering = true;
        put_row(c, &side.rows[source.accepted * side.words]);
        Pins::in_valid(dut_, c) = 1;
        Pins::in_last(dut_, c) = (source.accepted + 1) % side.beats == 0;
        Pins::in_keep(dut_, c, UINT64_MAX);
      } else {
        idle(c);
      }
    }
    for (uint32_t c = 0; c < sinks_.size(); ++c) {
      Sink& sink = sinks_[c];
      sink.ready = sink.delivered == vectors_.out[c].total || !prng_.chance(options_.stall);
      Pins::out_ready(dut_, c) = sink.ready;
    }
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

  // Looks at all handshakes just before the edge.
  void observe() {
    bool moved = false, all_done = true;
#if NN_LOAD
    if (const char* fault = loader_.observe(dut_, progress(), moved)) fail(0, fault);
#endif
    std::vector<bool> fires(sources_.size());
    for (uint32_t c = 0; c < sources_.size(); ++c) {
      const Source& source = sources_[c];
      fires[c] = source.offering && Pins::in_ready(dut_, c);
      // A bubble or a stall spoils the measured interval between two inputs.
      if (!source.offering && source.accepted < vectors_.in[c].total) disturbed_ = true;
    }
    for (uint32_t c = 0; c < sinks_.size(); ++c) {
      if (Pins::out_valid(dut_, c) && !sinks_[c].ready) disturbed_ = true;
    }
    for (uint32_t c = 0; c < sources_.size(); ++c) {
      if (fires[c]) accept(c);
      moved = moved || fires[c];
      all_done = all_done && sources_[c].accepted == vectors_.in[c].total;
    }
    const bool all_accepted = all_done;
    for (uint32_t c = 0; c < sinks_.size(); ++c) {
      Sink& sink = sinks_[c];
      const bool valid = Pins::out_valid(dut_, c);
      if (valid) look(c);
      else if (sink.held) fail(c, "retracted");
      sink.held = valid && !sink.ready;
      if (valid && sink.ready && fault_.empty()) deliver(c);
      moved = moved || (valid && sink.ready);
      all_done = all_done && sink.delivered == vectors_.out[c].total;
    }
    if (moved) {
      waited_ = 0;
    } else if (all_done) {
      ++quiet_;
    } else if (++waited_ >= options_.watchdog) {
      uint32_t due = 0;
      while (due + 1 < sinks_.size() && sinks_[due].delivered == vectors_.out[due].total) ++due;
      fail(due, all_accepted ? "missing" : "hang");
    }
  }

  void accept(uint32_t c) {
    Source& source = sources_[c];
    const uint32_t beats = vectors_.in[c].beats;
    if (source.accepted == starts_.size() * beats) {
      if (!disturbed_ && !starts_.empty()) interval_.add(cycle_ - starts_.back());
      disturbed_ = false;
      starts_.push_back(cycle_);
    }
    ++source.accepted;
    source.offering = false;
    uint64_t whole = UINT64_MAX;
    for (uint32_t i = 0; i < sources_.size(); ++i) {
      whole = std::min(whole, sources_[i].accepted / vectors_.in[i].beats);
    }
    if (whole > ends_.size()) ends_.push_back(cycle_);
  }

  // Reads an output; while it waits it must not change.
  void look(uint32_t c) {
    Sink& sink = sinks_[c];
    Pins::outputs(dut_, c, [&](const auto& pin, uint32_t word, uint32_t count) {
      get(pin, &sink.now[word], count);
    });
    const bool last = Pins::out_last(dut_, c);
    if (sink.held && (sink.now != sink.before || last != sink.last_held)) fail(c, "unstable");
    sink.before = sink.now;
    sink.last_held = last;
  }

  // Samples of which any beat was accepted or is offered.
  uint64_t begun() const {
    uint64_t samples = starts_.size();
    for (uint32_t c = 0; c < sources_.size(); ++c) {
      const Source& source = sources_[c];
      const uint32_t beats = vectors_.in[c].beats;
      samples = std::max(samples, (source.accepted + source.offering + beats - 1) / beats);
    }
    return samples;
  }

  // Cycles since a sample began; none if its first beat still waits.
  uint64_t since(uint64_t sample) const {
    return sample < starts_.size() ? cycle_ - starts_[sample] : 0;
  }

  void deliver(uint32_t c) {
    Sink& sink = sinks_[c];
    const uint32_t beats = vectors_.out[c].beats;
    if (sink.delivered == vectors_.out[c].total) return fail(c, "extra");
    if (sink.delivered / beats >= begun()) return fail(c, "early");
    const bool ends = (sink.delivered + 1) % beats == 0;
    if (Pins::kHasLast && sink.last_held != ends) return fail(c, "last");
    if (!Pins::out_keep(dut_, c)) return fail(c, "keep");
    if (!any_) first_ = since(0);
    any_ = true;
    sink.rows.insert(sink.rows.end(), sink.now.begin(), sink.now.end());
    ++sink.delivered;
    uint64_t whole = UINT64_MAX;
    for (uint32_t i = 0; i < sinks_.size(); ++i) {
      whole = std::min(whole, sinks_[i].delivered / vectors_.out[i].beats);
    }
    if (whole <= finished_) return;
    if (finished_ == 0) alone_ = since(0);
    latency_.add(since(finished_));
    // A network may know its answer before the sample has ended; then there is no tail.
    tail_.add(finished_ < ends_.size() ? cycle_ - ends_[finished_] : 0);
    ++finished_;
  }

  // Notes the first fault; the loop ends with it.
  void fail(uint32_t c, const char* kind) {
    if (!fault_.empty()) return;
    fault_ = kind;
    faulty_ = c;
  }

  void write() const {
    std::FILE* file = std::fopen(options_.out, "wb");
    if (!file) die(std::string("cannot write ") + options_.out);
    for (const Sink& sink : sinks_) {
      std::fwrite(sink.rows.data(), sizeof(uint32_t), sink.rows.size(), file);
    }
    if (std::fclose(file) != 0) die(std::string("cannot write ") + options_.out);
  }

  void report() const {
    std::printf("{\"samples\":%u,\"cycles\":%" PRIu64, vectors_.samples, cycle_ - quiet_);
    std::printf(",\"resets\":%" PRIu64, resets_);
    if (any_) std::printf(",\"first\":%" PRIu64 ",\"alone\":%" PRIu64, first_, alone_);
#if NN_LOAD
    std::printf(",\"updates\":[");
    for (size_t i = 0; i < loader_.frames().size(); ++i) {
      std::printf("%s%" PRIu64, i ? "," : "", loader_.frames()[i]);
    }
    std::printf("]");
#endif
    latency_.print("latency");
    tail_.print("tail");
    interval_.print("interval");
    if (!fault_.empty()) {
      // Sample and beat are those of the output that was due.
      uint64_t accepted = 0;
      for (const Source& source : sources_) accepted += source.accepted;
      const uint64_t delivered = sinks_[faulty_].delivered, beats = vectors_.out[faulty_].beats;
      std::printf(",\"fault\":{\"kind\":\"%s\",\"sample\":%" PRIu64 ",\"beat\":%" PRIu64
                  ",\"cycle\":%" PRIu64 ",\"accepted\":%" PRIu64 ",\"delivered\":%" PRIu64 "}",
                  fault_.c_str(), delivered / beats, delivered % beats, cycle_ - 1, accepted,
                  delivered);
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
#if NN_LOAD
  Loader loader_;
#endif
  Prng loads_;  // of its own, so that samples do not depend on it

  uint64_t edges_ = 0;   // since the start, for the wave
  uint64_t cycle_ = 0;   // since the reset
  uint64_t waited_ = 0;  // cycles without a handshake
  uint64_t quiet_ = 0;   // cycles since all was done
  std::vector<Source> sources_;
  std::vector<Sink> sinks_;
  bool disturbed_ = false, any_ = false;

  std::vector<uint64_t> starts_, ends_;  // edges that took each sample's first and last beat
  uint64_t finished_ = 0;                // samples of which everything came out
  uint64_t resets_ = 0, kept_ = 0;       // resets in between, and samples that had come out by the last
  uint64_t first_ = 0, alone_ = 0;       // latency of the first beat, and of all of the first sample
  Span latency_, tail_, interval_;
  std::string fault_;
  uint32_t faulty_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  const Vectors vectors = read_vectors(options.in);
  return Bench(options, vectors).run();
}
