#include "plugin/bench/report.h"

#include <string>

#include "plugin/bench/worker.h"

namespace samehost::bench {
namespace {

using nlohmann::json;

constexpr double kNoteworthyStolenPercent = 1;
constexpr uint32_t kStallNs = 1'000'000'000;

const char* Title(Transport transport) {
  switch (transport) {
    case Transport::kStockUnix:
      return "stock unix socket";
    case Transport::kStockTcp:
      return "stock TCP loopback";
    case Transport::kInProcess:
      return "in-process";
    case Transport::kSamehost:
      return "samehost";
  }
  return "?";
}

const char* Name(Pinning pinning) {
  switch (pinning) {
    case Pinning::kNone:
      return "none";
    case Pinning::kSplit:
      return "split";
    case Pinning::kSame:
      return "same";
  }
  return "?";
}

// "-" for what is not known.
std::string Number(double value, const char* format = "%.1f") {
  if (value < 0) return "-";
  char text[32];
  std::snprintf(text, sizeof(text), format, value);
  return text;
}

std::string TimesOf(double stock, double value) {
  return stock > 0 && value > 0 ? Number(stock / value, "%.2fx") : "-";
}

void PrintLoadRow(std::FILE* out, const Row& row, const Row* unix_row) {
  std::fprintf(out, "  %-19s %9s %9s %9s %9.0f %8.1f  %8s %8s %8s\n", Title(row.transport),
               Number(row.P50Us()).c_str(), Number(row.P99Us()).c_str(),
               Number(row.P999Us()).c_str(), row.Rate(), row.CpuUs(),
               unix_row == nullptr ? "-" : TimesOf(unix_row->P50Us(), row.P50Us()).c_str(),
               unix_row == nullptr ? "-" : TimesOf(unix_row->P99Us(), row.P99Us()).c_str(),
               unix_row == nullptr ? "-" : TimesOf(row.Rate(), unix_row->Rate()).c_str());
  const size_t stalls = row.samples.CountOver(kStallNs);
  if (stalls > 0) {
    std::fprintf(out, "  %-19s %zu of its calls took more than a second, the longest %.1f s%s\n",
                 "", stalls, row.samples.Longest() / 1e9,
                 row.samples.Longest() == UINT32_MAX ? " or more" : "");
  }
}

void PrintIdleRow(std::FILE* out, const Row& row) {
  std::fprintf(out, "  %-19s %10s %14s %14s %20s\n", Title(row.transport),
               Number(row.idle_cpu_percent, "%.3f").c_str(),
               Number(row.segment_kib, "%.0f").c_str(), Number(row.counted_kib, "%.0f").c_str(),
               Number(row.growth_kib, "%.0f").c_str());
}

const char* MetText(const Verdict& verdict) {
  if (!verdict.known) return "not judged";
  return verdict.met ? "met" : "MISSED";
}

json LoadRowJson(const Row& row) {
  json out = {{"operations", row.operations},
              {"seconds", row.seconds},
              {"operations_per_second", row.Rate()},
              {"cpu_us_per_operation", row.CpuUs()},
              {"longest_us", row.samples.Longest() / 1e3},
              {"round_p50_us", row.round_p50_us},
              {"round_operations_per_second", row.round_rates}};
  if (row.P50Us() >= 0) out["p50_us"] = row.P50Us();
  if (row.P99Us() >= 0) out["p99_us"] = row.P99Us();
  if (row.P999Us() >= 0) out["p999_us"] = row.P999Us();
  return out;
}

json IdleRowJson(const Row& row) {
  json out = {{"idle_cpu_percent", row.idle_cpu_percent},
              {"segment_kib", row.segment_kib},
              {"growth_per_connection_kib", row.growth_kib}};
  if (row.counted_kib >= 0) out["counted_kib"] = row.counted_kib;
  return out;
}

}  // namespace

void PrintHeader(std::FILE* out, const json& facts, const RunOptions& options) {
  const auto text = [&](const char* key) {
    const json& value = facts.at(key);
    return value.is_string() ? value.get<std::string>() : value.dump();
  };
  std::fprintf(out, "samehost-bench grpc: gRPC %s, %s, glibc %s, build %s\n", text("grpc").c_str(),
               text("compiler").c_str(), text("glibc").c_str(), text("build_type").c_str());
  std::fprintf(out, "%s, %s CPUs (%s usable, cpu.max %s, governor %s), %s, load %s\n",
               text("cpu").c_str(), text("cpus_online").c_str(), text("cpus_allowed").c_str(),
               text("cgroup_cpu_max").empty() ? "-" : text("cgroup_cpu_max").c_str(),
               text("governor").empty() ? "-" : text("governor").c_str(), text("kernel").c_str(),
               text("load_average").c_str());
  if (!text("sanitizers").empty()) {
    std::fprintf(out, "BUILT WITH SANITIZERS (%s): the figures mean nothing\n",
                 text("sanitizers").c_str());
  }
  std::fprintf(out, "%g s a row in %d rounds, pinning: %s. CPU: client and server together.\n",
               options.seconds, options.rounds, Name(options.pinning));
  if (options.hogs > 0) std::fprintf(out, "Beside %d processes that compute.\n", options.hogs);
}

void PrintCaseTitle(std::FILE* out, const Case& what) {
  std::fprintf(out, "\n%s: %s\n", what.name.c_str(), what.title.c_str());
  std::fflush(out);
}

void PrintCase(std::FILE* out, const CaseResult& result) {
  if (result.what->kind == CaseKind::kBareLink) {
    if (result.link_report.is_null()) {
      std::fprintf(out, "  link_benchmark is not beside this program: not measured\n");
    }
  } else if (result.what->kind == CaseKind::kIdle) {
    std::fprintf(out, "  %-19s %10s %14s %14s %20s\n", "", "CPU %", "segment KiB", "counted KiB",
                 "growth KiB/connection");
    for (const Row& row : result.rows) PrintIdleRow(out, row);
  } else {
    std::fprintf(out, "  %-19s %9s %9s %9s %9s %8s  %8s %8s %8s\n", "", "p50 us", "p99 us",
                 "p99.9 us", "ops/s", "CPU us", "p50", "p99", "ops/s");
    const Row* unix_row = result.Find(Transport::kStockUnix);
    for (const Row& row : result.rows) PrintLoadRow(out, row, unix_row);
  }
  if (result.stolen_percent >= kNoteworthyStolenPercent) {
    std::fprintf(out, "  the hypervisor gave %.0f %% of the CPUs to others meanwhile\n",
                 result.stolen_percent);
  }
  for (const Verdict& verdict : Judge(result)) {
    std::fprintf(out, "  %-11s %s: %s\n", MetText(verdict), verdict.wanted.c_str(),
                 verdict.known ? Number(verdict.measured, "%.2f").c_str() : "-");
  }
  std::fflush(out);
}

void PrintMisses(std::FILE* out, const std::vector<CaseResult>& results) {
  std::fprintf(out, "\nNot met:\n");
  int wanted = 0, met = 0;
  for (const CaseResult& result : results) {
    for (const Verdict& verdict : Judge(result)) {
      ++wanted;
      if (verdict.met) {
        ++met;
        continue;
      }
      std::fprintf(out, "  %-20s %s: %s\n", result.what->name.c_str(), verdict.wanted.c_str(),
                   verdict.known ? Number(verdict.measured, "%.2f").c_str() : "not judged");
    }
  }
  std::fprintf(out, "%d of %d met\n", met, wanted);
}

json ToJson(const CaseResult& result) {
  json rows = json::array();
  for (const Row& row : result.rows) {
    json out = result.what->kind == CaseKind::kIdle ? IdleRowJson(row) : LoadRowJson(row);
    out["transport"] = Name(row.transport);
    if (!row.client_link.empty()) out["client_link"] = row.client_link;
    if (!row.server_link.empty()) out["server_link"] = row.server_link;
    rows.push_back(std::move(out));
  }
  json targets = json::array();
  for (const Verdict& verdict : Judge(result)) {
    json out = {{"wanted", verdict.wanted}, {"bound", verdict.bound}};
    if (verdict.known) out["measured"] = verdict.measured;
    if (verdict.known) out["met"] = verdict.met;
    targets.push_back(std::move(out));
  }
  json allocator = "default";
  if (result.what->raised_allocator) {
    allocator = {{"M_MMAP_THRESHOLD", kRaisedMmapThreshold},
                 {"M_TRIM_THRESHOLD", kRaisedTrimThreshold}};
  }
  json out = {{"name", result.what->name},
              {"title", result.what->title},
              {"stolen_percent", result.stolen_percent},
              {"targets", targets}};
  if (result.what->kind == CaseKind::kBareLink) {
    out["link_benchmark"] = result.link_report;
    return out;
  }
  out["allocator"] = allocator;
  out["server"] = result.what->callback_server ? "callback" : "sync";
  out["rows"] = rows;
  if (result.what->kind == CaseKind::kLoad) {
    out["load"] = result.what->spec;
    out["client_processes"] = result.what->client_processes;
  }
  return out;
}

json ToJson(const RunOptions& options) {
  return {{"seconds", options.seconds},
          {"rounds", options.rounds},
          {"pinning", Name(options.pinning)},
          {"hogs", options.hogs},
          {"same_executable", options.samehost_executable == options.stock_executable}};
}

}  // namespace samehost::bench
