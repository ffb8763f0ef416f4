// The harness of dut.sv against what its two files say, bit for bit in every cycle.
#include <cstdint>
#include <cstdio>

#include "Vdut.h"

int main() {
  Vdut top;
  uint64_t random = 1;
  const auto next = [&random] {
    random = random * 6364136223846793005u + 1442695040888963407u;
    return static_cast<uint32_t>(random >> 33);
  };
  // The chains, and the registers of the design. Ports of a side are in the order of their names:
  // in_data_i, in_valid_i, out_ready_i; in_ready_o, out_data_o, out_valid_o.
  uint32_t in = 0, out = 0, sum = 0, valid = 0, kept[16] = {}, place = 0, moved = 0, wrong = 0;
  for (int cycle = 0; cycle < 20000; ++cycle) {
    top.si_i = next() & 1;
    top.rst_ni = cycle > 40 && (cycle < 200 || (next() & 63) != 0);
    top.clk_i = 0;
    top.eval();
    const uint32_t ready = ((in >> 8) & 1) | (valid ^ 1);
    const uint32_t now = ready | kept[(place - 1) & 15] << 1 | valid << 10;
    sum = (out ^ sum << 1) & 0x7ff;
    out = now;
    if (ready) kept[place] = ((in & 0x7f) * 3 + 5) & 0x1ff;
    if (ready) valid = (in >> 7) & 1, place = (place + 1) & 15;
    if (!top.rst_ni) valid = place = 0;
    in = (in << 1 | top.si_i) & 0x1ff;
    top.clk_i = 1;
    top.eval();
    // What the chains and the memory began with is out of them by then.
    if (cycle > 200) {
      wrong += top.so_o != (sum >> 10);
      moved += top.so_o;
    }
  }
  std::printf("%u wrong, %u of them high\n", wrong, moved);
  return wrong != 0 || moved < 5000 || moved > 15000;
}
