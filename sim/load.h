// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Loads weights while samples are under way, through the top's port (NN_LOAD 1) or through AXI4-Lite (2), and
// checks what the design answers: what is refused, and from which sample on a commit holds.
//
// The file of the option load=FILE is a sequence of little-endian 32-bit words: the number of updates; for each the
// sample after whose first beat it is committed, the number of its words, and these, address and data. An update is
// written in front of its sample, which waits for it if it comes too soon.

#ifndef NN_LOAD_H_
#define NN_LOAD_H_

#include <utility>

#include "vectors.h"

#if NN_LOAD

namespace {

// What is asked of the design.
enum class Ask { kNone, kWrite, kCommit, kPending, kFrame, kPoke, kPeek };

struct Op {
  Ask ask = Ask::kNone;
  uint32_t address = 0, data = 0;
  uint32_t strobes = 15;
};

struct Answer {
  bool refused = false;
  uint32_t value = 0;
};

#if NN_LOAD == 1

// The top's own port: every answer takes a cycle.
class LoadPort {
 public:
  void start(const Op& op) { op_ = op; }
  bool busy() const { return op_.ask != Ask::kNone; }

  void drive(Vdut& dut, Prng& prng, uint32_t pause) {
    now_ = busy() && !prng.chance(pause);
    commit_ = now_ && op_.ask == Ask::kCommit;
    const bool write = now_ && op_.ask == Ask::kWrite;
    dut.load_valid_i = write;
    dut.load_commit_i = commit_;
    dut.load_address_i = write ? op_.address : uint32_t(prng.next()) & kAddressMask;
    dut.load_data_i = write ? op_.data : uint32_t(prng.next());
  }

  // Whether the answer has come.
  bool observe(Vdut& dut, Answer& answer) {
    // No array can have changed in the cycle behind a commit.
    if (committed_) missed_ = !dut.load_pending_o;
    committed_ = commit_ && !dut.load_pending_o;
    if (!now_) return false;
    answer = {};
    if (op_.ask == Ask::kWrite) answer.refused = dut.load_refused_o;
    if (op_.ask == Ask::kCommit) answer.refused = dut.load_pending_o;
    if (op_.ask == Ask::kPending) answer.value = dut.load_pending_o;
    if (op_.ask == Ask::kFrame) answer = {missed_, dut.load_frame_o};
    op_ = {};
    return true;
  }

  static constexpr bool kExact = true;

 private:
  static constexpr uint32_t kAddressMask = (1u << NN_LOAD_BITS) - 1;
  Op op_;
  bool now_ = false, commit_ = false, committed_ = false, missed_ = false;
};

// No registers to look at.
inline std::vector<std::pair<Op, Answer>> checks(uint32_t) {
  Op none;
  none.ask = Ask::kWrite;
  return {{none, {true, 0}}};
}

#else

// AXI4-Lite: address and data in any order, answers taken when it pleases.
class LoadPort {
 public:
  void start(const Op& op) {
    op_ = op;
    if (op.ask == Ask::kCommit) op_ = {Ask::kCommit, 8, 0, 15};
    if (op.ask == Ask::kPending) op_ = {Ask::kPending, 4, 0, 15};
    if (op.ask == Ask::kFrame) op_ = {Ask::kFrame, 8, 0, 15};
    if (op.ask == Ask::kWrite) op_.address = 4 * op.address;
    address_ = data_ = false;
  }
  bool busy() const { return op_.ask != Ask::kNone; }

  void drive(Vdut& dut, Prng& prng, uint32_t pause) {
    const bool write = op_.ask == Ask::kWrite || op_.ask == Ask::kCommit || op_.ask == Ask::kPoke;
    const bool read = busy() && !write;
    // What is offered stays.
    if (write && !address_) dut.s_axil_awvalid = dut.s_axil_awvalid || !prng.chance(pause);
    else dut.s_axil_awvalid = 0;
    if (write && !data_) dut.s_axil_wvalid = dut.s_axil_wvalid || !prng.chance(pause);
    else dut.s_axil_wvalid = 0;
    if (read && !address_) dut.s_axil_arvalid = dut.s_axil_arvalid || !prng.chance(pause);
    else dut.s_axil_arvalid = 0;
    dut.s_axil_awaddr = dut.s_axil_araddr = op_.address;
    dut.s_axil_awprot = dut.s_axil_arprot = 0;
    dut.s_axil_wdata = op_.data;
    dut.s_axil_wstrb = op_.strobes;
    dut.s_axil_bready = write && !prng.chance(pause);
    dut.s_axil_rready = read && !prng.chance(pause);
  }

  // Whether the answer has come.
  bool observe(Vdut& dut, Answer& answer) {
    if (dut.s_axil_awvalid && dut.s_axil_awready) address_ = true;
    if (dut.s_axil_wvalid && dut.s_axil_wready) data_ = true;
    if (dut.s_axil_arvalid && dut.s_axil_arready) address_ = true;
    const bool written = dut.s_axil_bvalid && dut.s_axil_bready;
    const bool read = dut.s_axil_rvalid && dut.s_axil_rready;
    if (!written && !read) return false;
    answer.refused = (written ? dut.s_axil_bresp : dut.s_axil_rresp) != 0;
    answer.value = read ? dut.s_axil_rdata : 0;
    if (op_.ask == Ask::kPending) answer.value &= 1;
    op_ = {};
    return true;
  }

  static constexpr bool kExact = false;

 private:
  Op op_;
  bool address_ = false, data_ = false;
};

// What registers answer before anything is written; `word` is one of a weight.
inline std::vector<std::pair<Op, Answer>> checks(uint32_t word) {
  const uint32_t last = (4u << NN_LOAD_BITS) - 4;
  return {
      {{Ask::kPeek, 0, 0, 15}, {false, 0x4e4e0001}},
      {{Ask::kPeek, 4, 0, 15}, {false, 0}},
      {{Ask::kPeek, 8, 0, 15}, {false, 0}},
      {{Ask::kPeek, 16, 0, 15}, {true, 0}},
      {{Ask::kPeek, 4 * word, 0, 15}, {true, 0}},
      {{Ask::kPeek, last, 0, 15}, {true, 0}},
      {{Ask::kPoke, 0, 1, 15}, {true, 0}},
      {{Ask::kPoke, 4, 1, 15}, {true, 0}},
      {{Ask::kPoke, 12, 1, 15}, {true, 0}},
      {{Ask::kPoke, 16, 1, 15}, {true, 0}},
      {{Ask::kPoke, 8, 1, 7}, {true, 0}},
      {{Ask::kPoke, 4 * word, 1, 3}, {true, 0}},
      {{Ask::kPeek, 8, 0, 15}, {false, 0}},
  };
}

#endif

// What the rest of the bench is at.
struct Progress {
  uint64_t begun = 0, finished = 0, samples = 0;
  bool all_accepted = false;
};

// Everything in its order.
class Loader {
 public:
  explicit Loader(const Options& options) : pause_(options.bubble) {
    if (!options.load) return;
    std::FILE* file = std::fopen(options.load, "rb");
    if (!file) die(std::string("cannot read ") + options.load);
    Words head;
    read_words(file, head, 1);
    updates_.resize(head[0]);
    for (Update& update : updates_) {
      read_words(file, head, 2);
      update.at = head[0];
      read_words(file, update.words, 2 * uint64_t(head[1]));
      if (update.words.empty()) die("an update without words");
    }
    std::fclose(file);
    if (updates_.empty()) return;
    checks_ = checks(updates_[0].words[0]);
    state_ = State::kCheck;
  }

  // Whether a sample must wait for its weights.
  bool holds(uint64_t sample) const {
    if (state_ == State::kTwice) return sample >= frames_.back();
    const bool writes = state_ == State::kCheck || state_ == State::kWrite;
    return writes && sample >= updates_[update_].at;
  }

  bool done() const { return state_ == State::kDone && !port_.busy(); }
  const std::vector<uint64_t>& frames() const { return frames_; }

  // Nothing is asked in a reset.
  void idle(Vdut& dut, Prng& prng) { port_.drive(dut, prng, 0); }

  void drive(Vdut& dut, Prng& prng, const Progress& at) {
    if (!port_.busy()) next(prng, at);
    port_.drive(dut, prng, pause_);
  }

  // Says what is wrong, or nothing; `moved` if something was answered.
  const char* observe(Vdut& dut, const Progress& at, bool& moved) {
    Answer answer;
    if (!port_.observe(dut, answer)) return nullptr;
    moved = true;
    return take(answer, at);
  }

 private:
  enum class State { kCheck, kWrite, kCommit, kFrame, kTwice, kPending, kRefused, kDone };
  struct Update {
    uint64_t at = 0;
    Words words;
  };

  void next(Prng& prng, const Progress& at) {
    Op op;
    switch (state_) {
      case State::kCheck: op = checks_[place_].first; break;
      case State::kWrite:
        op = {Ask::kWrite, words()[2 * place_], words()[2 * place_ + 1], 15};
        break;
      case State::kCommit:
        // Some time after the sample has begun, so that others are under way.
        if (at.begun <= updates_[update_].at) return;
        if (!at.all_accepted && prng.next() % 16 != 0) return;
        op.ask = Ask::kCommit;
        least_ = at.finished;
        break;
      case State::kFrame: op.ask = Ask::kFrame; break;
      case State::kTwice: op.ask = Ask::kCommit; break;
      case State::kPending:
        // Without another sample it stays so.
        if (at.all_accepted && frames_.back() >= at.samples) {
          state_ = State::kDone;
          return;
        }
        op.ask = Ask::kPending;
        break;
      case State::kRefused: {
        // What must not be written.
        const uint32_t word = uint32_t(prng.next() % (words().size() / 2));
        op = {Ask::kWrite, words()[2 * word], ~words()[2 * word + 1], 15};
        refused_ = true;
        break;
      }
      case State::kDone: return;
    }
    port_.start(op);
  }

  const char* take(const Answer& answer, const Progress& at) {
    switch (state_) {
      case State::kCheck:
        if (answer.refused != checks_[place_].second.refused ||
            answer.value != checks_[place_].second.value) {
          return "register";
        }
        if (++place_ == checks_.size()) place_ = 0, state_ = State::kWrite;
        break;
      case State::kWrite:
        if (answer.refused) return "refused";
        if (2 * ++place_ == words().size()) place_ = 0, state_ = State::kCommit;
        break;
      case State::kCommit:
        if (answer.refused) return "refused";
        most_ = at.begun;
        state_ = State::kFrame;
        break;
      case State::kFrame:
        if (answer.refused || answer.value > most_) return "commit";
        if (LoadPort::kExact ? answer.value != most_ : answer.value < least_) return "commit";
        frames_.push_back(answer.value);
        refused_ = true;
        // While the sample waits it is certain that a second commit must be refused.
        state_ = at.begun <= answer.value ? State::kTwice : State::kPending;
        break;
      case State::kTwice:
        if (!answer.refused) return "accepted";
        state_ = State::kPending;
        break;
      case State::kPending:
        // Still so after something that was not refused.
        if (answer.value && !refused_) return "accepted";
        if (answer.value) state_ = State::kRefused;
        else if (++update_ == updates_.size()) state_ = State::kDone;
        else state_ = State::kWrite;
        break;
      case State::kRefused:
        refused_ = answer.refused;
        state_ = State::kPending;
        break;
      case State::kDone: break;
    }
    return nullptr;
  }

  const Words& words() const { return updates_[update_].words; }

  uint32_t pause_;
  LoadPort port_;
  std::vector<Update> updates_;
  std::vector<std::pair<Op, Answer>> checks_;
  std::vector<uint64_t> frames_;  // from which samples the updates held
  State state_ = State::kDone;
  size_t update_ = 0, place_ = 0;
  uint64_t least_ = 0, most_ = 0;
  bool refused_ = false;
};

}  // namespace

#endif

#endif
