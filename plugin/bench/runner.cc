#include "plugin/bench/runner.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "plugin/bench/background_load.h"
#include "plugin/bench/bare_link.h"
#include "plugin/bench/idle.h"
#include "plugin/bench/machine_facts.h"
#include "plugin/bench/output_file.h"
#include "plugin/bench/report.h"
#include "plugin/bench/stopwatch.h"
#include "plugin/bench/temporary_directory.h"

namespace samehost::bench {
namespace {

using nlohmann::json;

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
  CaseResult result{.what = &what};
  for (const auto& contestant : contestants) result.rows.push_back(contestant->TakeRow());
  return result;
}

CaseResult RunIdleCase(const Case& what, const RunOptions& options) {
  CaseResult result{.what = &what};
  for (Transport transport : options.transports) {
    // The in-process transport has no connection, and both socket kinds cost the same.
    if (transport == Transport::kInProcess || transport == Transport::kStockTcp) continue;
    result.rows.push_back(MeasureIdle(what, transport, options));
  }
  return result;
}

CaseResult RunCase(const Case& what, const RunOptions& options) {
  PrintCaseTitle(stdout, what);
  switch (what.kind) {
    case CaseKind::kLoad:
      return RunLoadCase(what, options);
    case CaseKind::kIdle:
      return RunIdleCase(what, options);
    case CaseKind::kBareLink:
      return {.what = &what, .link_report = RunBareLink(options)};
  }
  return {};
}

bool Chosen(const Case& what, const RunOptions& options) {
  return options.cases.empty() ||
         std::find(options.cases.begin(), options.cases.end(), what.name) != options.cases.end();
}

}  // namespace

void RunGrpcBenchmark(RunOptions options) {
  const BackgroundLoad background_load(options.background_load);
  const TemporaryDirectory directory;
  json report = {{"schema", 1},
                 {"kind", "samehost-bench grpc"},
                 {"machine", MachineFacts()},
                 {"options", ToJson(options)}};
  PrintHeader(stdout, report["machine"], options);
  int number = 0;
  for (const Case& what : AllCases()) {
    if (!Chosen(what, options)) continue;
    options.directory = directory.path() + "/" + std::to_string(number++);
    std::filesystem::create_directory(options.directory);
    const Stopwatch stopwatch;
    CaseResult result = RunCase(what, options);
    result.stolen_percent = stopwatch.StolenPercent();
    PrintCase(stdout, result);
    report["cases"].push_back(ToJson(result));
  }
  WriteOutput(options.json_file, report.dump(2) + "\n");
}

}  // namespace samehost::bench
