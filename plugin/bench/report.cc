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

std::string TimesOf(double above, double below) {
  return above > 0 && below > 0 ? Number(above / below, "%.2fx") : "-";
}

void PrintLoadRow(std::FILE* out, const Row& row, const Row* unix_row) {
  std::fprintf(out, "  %-19s %9s %9s %9s %9.0f %8.1f ", Title(row.transport),
               Number(row.P50Us()).c_str(), Number(row.P99Us()).c_str(),
               Number(row.P999Us()).c_str(), row.Rate(), row.CpuUs());
  if (unix_row != nullptr) {
    std::fprintf(out, " %8s %8s %8s %8s", TimesOf(unix_row->P50Us(), row.P50Us()).c_str(),
                 TimesOf(unix_row->P99Us(), row.P99Us()).c_str(),
                 TimesOf(row.Rate(), unix_row->Rate()).c_str(),
                 TimesOf(unix_row->CpuUs(), row.CpuUs()).c_str());
  }
  std::fprintf(out, "\n");
  const size_t stalls = row.samples.CountOver(kStallNs);
  if (stalls > 0) {
    std::fprintf(out, "  %-19s %zu of its calls took more than a second, the longest %.1f s%s\n",
                 "", stalls, row.samples.Longest() / 1e9,
                 row.samples.Longest() == UINT32_MAX ? " or more" : "");
  }
}

void PrintLoadTable(std::FILE* out, const CaseResult& result) {
  const Row* unix_row = result.Find(Transport::kStockUnix);
  const char* format = "  %-19s %9s %9s %9s %9s %8s  %8s %8s %8s %8s\n";
  if (unix_row == nullptr) {
    std::fprintf(out, format, "", "p50 us", "p99 us", "p99.9 us", "ops/s", "CPU us", "", "", "",
                 "");
  } else {
    std::fprintf(out, "  %68s  %35s\n", "", "times better than stock unix socket");
    std::fprintf(out, format, "", "p50 us", "p99 us", "p99.9 us", "ops/s", "CPU us", "p50", "p99",
                 "ops/s", "CPU");
  }
  for (const Row& row : result.rows) PrintLoadRow(out, row, unix_row);
}

void PrintIdleRow(std::FILE* out, const Row& row) {
  std::fprintf(out, "  %-19s %10s %14s %14s %20s\n", Title(row.transport),
               Number(row.idle_cpu_percent, "%.3f").c_str(),
               Number(row.segment_kib, "%.0f").c_str(), Number(row.counted_kib, "%.0f").c_str(),
               Number(row.growth_kib, "%.0f").c_str());
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
  if (options.background_load > 0) {
    std::fprintf(out, "%d CPU-bound processes run beside it.\n", options.background_load);
  }
}

void PrintCaseTitle(std::FILE* out, const Case& what) {
  std::fprintf(out, "\n%s: %s\n", what.name.c_str(), what.title.c_str());
  std::fflush(out);
}

void PrintCase(std::FILE* out, const CaseResult& result) {
  if (result.what->kind == CaseKind::kIdle) {
    std::fprintf(out, "  %-19s %10s %14s %14s %20s\n", "", "CPU %", "segment KiB", "counted KiB",
                 "growth KiB/connection");
    for (const Row& row : result.rows) PrintIdleRow(out, row);
  } else if (result.what->kind == CaseKind::kLoad) {
    PrintLoadTable(out, result);
  }
  if (result.stolen_percent >= kNoteworthyStolenPercent) {
    std::fprintf(out, "  the hypervisor gave %.0f %% of the CPUs to others meanwhile\n",
                 result.stolen_percent);
  }
  std::fflush(out);
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
  json allocator = "default";
  if (result.what->raised_allocator) {
    allocator = {{"M_MMAP_THRESHOLD", kRaisedMmapThreshold},
                 {"M_TRIM_THRESHOLD", kRaisedTrimThreshold}};
  }
  json out = {{"name", result.what->name},
              {"title", result.what->title},
              {"stolen_percent", result.stolen_percent}};
  if (result.what->kind == CaseKind::kBareLink) {
    out["link"] = result.link_report;
    out["ratios"] = json::object();
    for (const json& ratio : result.link_report.at("ratios")) {
      out["ratios"][ratio.at("name").get<std::string>()] = ratio.at("ratio");
    }
    return out;
  }
  out["allocator"] = allocator;
  out["server"] = result.what->callback_server ? "callback" : "sync";
  out["rows"] = rows;
  out["ratios"] = json::object();
  for (const Ratio& ratio : Ratios(result)) out["ratios"][ratio.name] = ratio.value;
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
          {"background_load", options.background_load},
          {"same_executable", options.samehost_executable == options.stock_executable}};
}

}  // namespace samehost::bench
