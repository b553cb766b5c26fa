#include "plugin/bench/idle.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>

#include "plugin/bench/bench_failure.h"
#include "plugin/bench/clock.h"

namespace samehost::bench {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr int kFurtherConnections = 8;
constexpr const char* kSegmentName = "memfd:samehost";

// Sum of the "Pss:" lines of one file of /proc, of mappings whose name contains `name`.
double PssKib(const std::string& file, const std::string& name) {
  std::ifstream in(file);
  if (!in) throw BenchFailure("cannot read " + file);
  double sum = 0;
  bool counts = false;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string first;
    double kib = 0;
    words >> first;
    if (first.find('-') != std::string::npos) counts = line.find(name) != std::string::npos;
    if (counts && first == "Pss:" && words >> kib) sum += kib;
  }
  return sum;
}

double PssKib(const std::vector<pid_t>& pids, const std::string& name) {
  double sum = 0;
  for (pid_t pid : pids) sum += PssKib("/proc/" + std::to_string(pid) + "/smaps", name);
  return sum;
}

void CarryMuch(Contestant& contestant, int channel) {
  LoadSpec calls{.size = 64 << 10, .duration_ns = kSecond, .max_operations = 200};
  contestant.RunUncounted(calls, channel);
  LoadSpec large{
      .kind = LoadKind::kStream, .size = 16 << 20, .duration_ns = kSecond, .max_operations = 1};
  contestant.RunUncounted(large, channel);
}

// Live memory alone: what the allocator merely keeps says nothing about a connection.
double TrimmedPssKib(Contestant& contestant) {
  contestant.TrimHeaps();
  return PssKib(contestant.Pids(), "");
}

}  // namespace

Row MeasureIdle(const Case& what, Transport transport, const RunOptions& options) {
  Contestant contestant(what, transport, options);
  CarryMuch(contestant, 0);
  SleepUntilNs(NowNs() + kSecond);
  const uint64_t cpu = contestant.CpuNs();
  const uint64_t begin = NowNs();
  SleepUntilNs(begin + kSecond);
  const uint64_t used = contestant.CpuNs() - cpu;
  const uint64_t wall = NowNs() - begin;
  const double segment = PssKib(contestant.Pids(), kSegmentName);

  const double one = TrimmedPssKib(contestant);
  contestant.ConnectMore(kFurtherConnections);
  for (int i = 1; i <= kFurtherConnections; ++i) CarryMuch(contestant, i);
  SleepUntilNs(NowNs() + kSecond);
  const double all = TrimmedPssKib(contestant);

  Row row = contestant.TakeRow();
  row.idle_cpu_percent = 100.0 * used / wall;
  row.segment_kib = segment;
  row.growth_kib = (all - one) / kFurtherConnections;
  if (transport != Transport::kSamehost) return row;
  const auto counted = [](const nlohmann::json& link) {
    return link.value("memory_bytes", uint64_t{0}) / 1024.0 / (1 + kFurtherConnections);
  };
  row.counted_kib = std::max(counted(row.client_link), counted(row.server_link));
  if (row.client_link.value("links_live", 0) != 1 + kFurtherConnections) {
    throw ProofFailure("proof violated, idle: not every connection used shared memory");
  }
  return row;
}

}  // namespace samehost::bench
