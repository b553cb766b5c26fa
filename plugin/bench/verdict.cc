#include "plugin/bench/verdict.h"

#include <algorithm>
#include <cstdio>

namespace samehost::bench {
namespace {

using Kind = Target::Kind;

std::string Text(const char* format, double value) {
  char text[96];
  std::snprintf(text, sizeof(text), format, value);
  return text;
}

std::string Wanted(const Target& target) {
  switch (target.kind) {
    case Kind::kP50TimesLower:
      return Text("p50 at least %gx lower than stock unix", target.bound);
    case Kind::kRateTimes:
      return Text("ops/s at least %gx stock unix", target.bound);
    case Kind::kCpuRatio:
      return Text("CPU per op at most %gx stock unix", target.bound);
    case Kind::kP99Ratio:
      return Text("p99 at most %gx stock unix", target.bound);
    case Kind::kP50RatioToInProcess:
      return Text("p50 at most %gx in-process", target.bound);
    case Kind::kIdleCpuAboveStock:
      return Text("idle CPU at most %g %% of a CPU above stock unix", target.bound);
    case Kind::kIdleMemoryKib:
      return Text("memory of a connection under %g KiB", target.bound);
  }
  return {};
}

// The measured value, or a negative number when it is not known.
double Measure(const Target& target, const Row& ours, const Row* unix_row, const Row* in_process) {
  const auto ratio = [](double above, double below) {
    return above > 0 && below > 0 ? above / below : -1;
  };
  switch (target.kind) {
    case Kind::kIdleMemoryKib:
      return std::max(ours.segment_kib, ours.growth_kib);
    case Kind::kP50RatioToInProcess:
      return in_process == nullptr ? -1 : ratio(ours.P50Us(), in_process->P50Us());
    default:
      break;
  }
  if (unix_row == nullptr) return -1;
  switch (target.kind) {
    case Kind::kP50TimesLower:
      return ratio(unix_row->P50Us(), ours.P50Us());
    case Kind::kRateTimes:
      return ratio(ours.Rate(), unix_row->Rate());
    case Kind::kCpuRatio:
      return ratio(ours.CpuUs(), unix_row->CpuUs());
    case Kind::kP99Ratio:
      return ratio(ours.P99Us(), unix_row->P99Us());
    case Kind::kIdleCpuAboveStock:
      return std::max(0.0, ours.idle_cpu_percent - unix_row->idle_cpu_percent);
    default:
      return -1;
  }
}

// link_benchmark brings its own bounds.
std::vector<Verdict> JudgeBareLink(const nlohmann::json& report) {
  std::vector<Verdict> verdicts;
  if (report.is_null()) return verdicts;
  for (const nlohmann::json& ratio : report.at("ratios")) {
    const bool at_most = ratio.contains("at_most");
    Verdict verdict{.bound = ratio.at(at_most ? "at_most" : "at_least"),
                    .measured = ratio.at("ratio"),
                    .known = true};
    verdict.wanted = ratio.at("row").get<std::string>() + " / " +
                     ratio.at("base").get<std::string>() +
                     Text(at_most ? " at most %g" : " at least %g", verdict.bound);
    verdict.met = at_most ? verdict.measured <= verdict.bound : verdict.measured >= verdict.bound;
    verdicts.push_back(std::move(verdict));
  }
  return verdicts;
}

bool Met(const Target& target, double measured) {
  switch (target.kind) {
    case Kind::kP50TimesLower:
    case Kind::kRateTimes:
      return measured >= target.bound;
    case Kind::kIdleMemoryKib:
      return measured < target.bound;
    default:
      return measured <= target.bound;
  }
}

}  // namespace

const Row* CaseResult::Find(Transport transport) const {
  for (const Row& row : rows) {
    if (row.transport == transport) return &row;
  }
  return nullptr;
}

std::vector<Verdict> Judge(const CaseResult& result) {
  if (result.what->kind == CaseKind::kBareLink) return JudgeBareLink(result.link_report);
  std::vector<Verdict> verdicts;
  const Row* ours = result.Find(Transport::kSamehost);
  for (const Target& target : result.what->targets) {
    Verdict verdict{.wanted = Wanted(target), .bound = target.bound};
    if (ours != nullptr) {
      verdict.measured = Measure(target, *ours, result.Find(Transport::kStockUnix),
                                 result.Find(Transport::kInProcess));
      verdict.known = verdict.measured >= 0;
      verdict.met = verdict.known && Met(target, verdict.measured);
    }
    verdicts.push_back(std::move(verdict));
  }
  return verdicts;
}

}  // namespace samehost::bench
