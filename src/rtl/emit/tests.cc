// Streams samples through an AXI4-Stream design and compares every beat.
//
// Included after the Verilated models; `folder` holds in.bin and out.bin, whole beats of 32-bit
// words. Three passes: full rate, bubbles at the input, bubbles and stalls. In the first two every
// sample must take exactly `latency` cycles and the first must never wait.

#include <cstdint>
#include <cstdio>
#include <deque>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

template <class T>
void put(T& port, const uint32_t* words) {
  uint64_t value = words[0];
  if (sizeof(T) == 8) value |= uint64_t(words[1]) << 32;
  port = T(value);
}
template <std::size_t N>
void put(VlWide<N>& port, const uint32_t* words) {
  for (std::size_t i = 0; i < N; ++i) port[i] = words[i];
}
template <class T>
bool same(const T& port, const uint32_t* words) {
  T value;
  put(value, words);
  return port == value;
}
template <std::size_t N>
bool same(const VlWide<N>& port, const uint32_t* words) {
  for (std::size_t i = 0; i < N; ++i)
    if (port[i] != words[i]) return false;
  return true;
}
template <class T>
std::size_t count(const T&) {
  return sizeof(T) == 8 ? 2 : 1;
}
template <std::size_t N>
std::size_t count(const VlWide<N>&) {
  return N;
}

inline std::vector<uint32_t> load(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<char> bytes((std::istreambuf_iterator<char>(file)), {});
  std::vector<uint32_t> words(bytes.size() / 4);
  std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(words.data()));
  return words;
}

template <class Model>
int test(const std::string& folder, int latency) {
  auto in = load(folder + "/in.bin"), out = load(folder + "/out.bin");
  uint32_t seed = 1;
  auto chance = [&](uint32_t of_8) {
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 24) % 8 < of_8;
  };
  for (int pass = 0; pass < 3; ++pass) {
    VerilatedContext context;
    context.randReset(2);
    Model model(&context, "dut");
    std::size_t n_in = count(model.s_axis_tdata), n_out = count(model.m_axis_tdata);
    std::size_t samples = in.size() / n_in, sent = 0, got = 0;
    std::deque<long> entered;
    auto clock = [&] {
      model.aclk = 1;
      model.eval();
      model.aclk = 0;
      model.eval();
    };
    model.aclk = 0;
    model.eval();
    model.aresetn = 0;
    model.s_axis_tvalid = 0;
    model.m_axis_tready = 1;
    for (int i = 0; i < 3; ++i) clock();
    model.aresetn = 1;
    clock();
    bool offered = false;
    for (long cycle = 0; got < samples; ++cycle) {
      if (cycle > long(100 * samples + 1000)) {
        std::printf("%s pass %d: stuck after %zu of %zu\n", folder.c_str(), pass, got, samples);
        return 1;
      }
      // What is offered stays until it is taken.
      offered = sent < samples && (offered || pass == 0 || chance(5));
      model.s_axis_tvalid = offered;
      model.s_axis_tlast = sent % 3 == 1;
      if (sent < samples) put(model.s_axis_tdata, &in[sent * n_in]);
      // Long stalls as well as short ones.
      model.m_axis_tready = pass < 2 || ((cycle >> 6) % 2 ? chance(1) : chance(6));
      model.eval();
      if (pass < 2 && offered && !model.s_axis_tready) {
        std::printf("%s pass %d: input %zu has to wait\n", folder.c_str(), pass, sent);
        return 1;
      }
      if (model.m_axis_tvalid && model.m_axis_tready) {
        if (!same(model.m_axis_tdata, &out[got * n_out]) || model.m_axis_tlast != (got % 3 == 1)) {
          std::printf("%s pass %d: sample %zu differs\n", folder.c_str(), pass, got);
          return 1;
        }
        if (pass < 2 && cycle - entered.front() != latency) {
          std::printf("%s pass %d: %ld cycles, not %d\n", folder.c_str(), pass,
                      cycle - entered.front(), latency);
          return 1;
        }
        entered.pop_front();
        ++got;
      }
      if (offered && model.s_axis_tready) {
        entered.push_back(cycle);
        ++sent;
        offered = false;
      }
      clock();
    }
  }
  std::printf("%s: equal\n", folder.c_str());
  return 0;
}
