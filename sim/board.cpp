// The other end of a board's serial line: sends samples as bytes and reads what comes back.
//
//   board IN OUT BIT_CYCLES BYTES_IN BYTES_OUT [SKEW]
//
// IN holds samples of BYTES_IN bytes, OUT gets BYTES_OUT for each. Our bits last BIT_CYCLES cycles, longer by the
// part SKEW (-0.02: two percent shorter), as clocks of two boards are never the same. A sample waits for the
// result of the one before. First of all half a sample goes out and a break behind it, of which nothing
// may remain. Exits with 1 if a stop bit is missing or a result does not come.

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "Vdut.h"
#include "verilated.h"

namespace {

[[noreturn]] void die(const char* what) {
  std::fprintf(stderr, "board: %s\n", what);
  std::exit(1);
}

std::vector<uint8_t> read(const char* path) {
  std::FILE* file = std::fopen(path, "rb");
  if (!file) die("cannot read the samples");
  std::vector<uint8_t> bytes;
  for (int it; (it = std::fgetc(file)) != EOF;) bytes.push_back(static_cast<uint8_t>(it));
  std::fclose(file);
  return bytes;
}

class Line {
 public:
  Line(VerilatedContext& context, double bit) : dut_(&context), bit_(bit) {
    dut_.rx_i = 1;
    dut_.clk_i = 0;
    wait(20);  // the device starts
  }

  ~Line() { dut_.final(); }

  void send(uint8_t byte) {
    level(0, 1);
    for (int i = 0; i < 8; ++i) level(byte >> i & 1, 1);
    level(1, 1);
  }

  // Low for longer than a byte, then high again.
  void interrupt() {
    level(0, 12);
    level(1, 2);
  }

  void wait(uint64_t cycles) {
    for (uint64_t i = 0; i < cycles; ++i) cycle();
  }

  // Bytes that have come.
  const std::vector<uint8_t>& got() const { return got_; }

 private:
  void level(int value, int bits) {
    dut_.rx_i = static_cast<uint8_t>(value);
    due_ += bits * bit_;
    while (static_cast<double>(now_) < due_) cycle();
  }

  void cycle() {
    dut_.clk_i = 0;
    dut_.eval();
    dut_.clk_i = 1;
    dut_.eval();
    ++now_;
    if (due_ < static_cast<double>(now_)) due_ = static_cast<double>(now_);
    listen(dut_.tx_o);
  }

  // Reads bits in the middle, counted from the edge of the start bit.
  void listen(int value) {
    const double since = static_cast<double>(now_) - edge_;
    if (left_ == 0) {
      if (last_ == 1 && value == 0) {
        edge_ = static_cast<double>(now_);
        left_ = 9;
        byte_ = 0;
      }
    } else if (since >= (10.5 - left_) * bit_) {
      --left_;
      if (left_ > 0) {
        byte_ |= static_cast<uint32_t>(value) << (8 - left_);
      } else {
        if (value != 1) die("no stop bit");
        got_.push_back(static_cast<uint8_t>(byte_));
      }
    }
    last_ = value;
  }

  Vdut dut_;
  double bit_, due_ = 0, edge_ = 0;
  uint64_t now_ = 0;
  int last_ = 1, left_ = 0;
  uint32_t byte_ = 0;
  std::vector<uint8_t> got_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) die("IN OUT BIT_CYCLES BYTES_IN BYTES_OUT [SKEW]");
  const std::vector<uint8_t> in = read(argv[1]);
  const double cycles = std::atof(argv[3]), skew = argc > 6 ? std::atof(argv[6]) : 0.0;
  const size_t bytes_in = std::strtoul(argv[4], nullptr, 10);
  const size_t bytes_out = std::strtoul(argv[5], nullptr, 10);
  VerilatedContext context;
  Line line(context, cycles * (1.0 + skew));
  for (size_t i = 0; i < (bytes_in + 1) / 2; ++i) line.send(in[i]);
  line.interrupt();
  // A result comes within its bytes' time and what the network takes, for which a second is plenty.
  const auto limit = static_cast<uint64_t>(std::ceil(cycles * 11.0)) * bytes_out + 25'000'000;
  for (size_t sample = 0; sample < in.size() / bytes_in; ++sample) {
    for (size_t i = 0; i < bytes_in; ++i) line.send(in[sample * bytes_in + i]);
    for (uint64_t i = 0; line.got().size() < (sample + 1) * bytes_out; ++i) {
      if (i == limit) die("no result");
      line.wait(1);
    }
    if (line.got().size() > (sample + 1) * bytes_out) die("more bytes than a result has");
  }
  line.wait(static_cast<uint64_t>(cycles * 12));
  if (line.got().size() != in.size() / bytes_in * bytes_out) die("more bytes than a result has");
  std::FILE* out = std::fopen(argv[2], "wb");
  if (!out) die("cannot write the results");
  std::fwrite(line.got().data(), 1, line.got().size(), out);
  std::fclose(out);
  return 0;
}
