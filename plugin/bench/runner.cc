#include "plugin/bench/runner.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "plugin/bench/bench_failure.h"
#include "plugin/bench/idle.h"
#include "plugin/bench/machine_facts.h"
#include "plugin/bench/report.h"

namespace samehost::bench {
namespace {

using nlohmann::json;

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = std::filesystem::temp_directory_path() / "samehost-bench-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) FailErrno("mkdtemp " + pattern);
    path_ = pattern;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

CaseResult RunLoadCase(const Case& what, const RunOptions& options) {
  std::vector<std::unique_ptr<Contestant>> contestants;
  for (Transport transport : options.transports) {
    contestants.push_back(std::make_unique<Contestant>(what, transport, options));
  }
  for (int round = 0; round < options.rounds; ++round) {
    for (size_t i = 0; i < contestants.size(); ++i) {
      contestants[(round + i) % contestants.size()]->RunSlice(options.seconds / options.rounds);
    }
  }
  CaseResult result{&what, {}};
  for (const auto& contestant : contestants) result.rows.push_back(contestant->TakeRow());
  return result;
}

CaseResult RunIdleCase(const Case& what, const RunOptions& options) {
  CaseResult result{&what, {}};
  for (Transport transport : options.transports) {
    // The in-process transport has no connection, and both socket kinds cost the same.
    if (transport == Transport::kInProcess || transport == Transport::kStockTcp) continue;
    result.rows.push_back(MeasureIdle(what, transport, options));
  }
  return result;
}

bool Chosen(const Case& what, const RunOptions& options) {
  return options.cases.empty() ||
         std::find(options.cases.begin(), options.cases.end(), what.name) != options.cases.end();
}

void WriteJson(const std::string& file, const json& report) {
  std::ofstream out(file);
  out << report.dump(2) << "\n";
  out.close();
  if (!out) throw BenchFailure("cannot write " + file);
}

}  // namespace

void RunGrpcBenchmark(RunOptions options) {
  const TemporaryDirectory directory;
  json report = {{"schema", 1}, {"machine", MachineFacts()}, {"options", ToJson(options)}};
  PrintHeader(stdout, report["machine"], options);
  const double stolen = StolenSeconds();
  std::vector<CaseResult> results;
  int number = 0;
  for (const Case& what : AllCases()) {
    if (!Chosen(what, options)) continue;
    options.directory = directory.path() + "/" + std::to_string(number++);
    std::filesystem::create_directory(options.directory);
    results.push_back(what.idle ? RunIdleCase(what, options) : RunLoadCase(what, options));
    PrintCase(stdout, results.back());
    report["cases"].push_back(ToJson(results.back()));
  }
  report["stolen_cpu_seconds"] = StolenSeconds() - stolen;
  std::printf("\nCPU time stolen by the hypervisor meanwhile: %.2f s\n",
              report["stolen_cpu_seconds"].get<double>());
  if (options.check) PrintMisses(stdout, results);
  if (!options.json_file.empty()) WriteJson(options.json_file, report);
}

}  // namespace samehost::bench
