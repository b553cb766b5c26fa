#include "plugin/bench/menu/runner.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <set>

#include "plugin/bench/background_load.h"
#include "plugin/bench/bench_failure.h"
#include "plugin/bench/helper_programs.h"
#include "plugin/bench/menu/contestant.h"
#include "plugin/bench/menu/progress.h"
#include "plugin/bench/menu/report.h"
#include "plugin/bench/menu/system_calls.h"
#include "plugin/bench/stopwatch.h"
#include "plugin/bench/temporary_directory.h"

namespace samehost::bench::menu {
namespace {

using Contestants = std::vector<std::unique_ptr<Contestant>>;

Contestants Invite(const Options& options, const std::string& directory) {
  Contestants contestants;
  for (Mechanism& mechanism : Catalog()) {
    if (!options.only.empty() &&
        std::find(options.only.begin(), options.only.end(), mechanism.name) == options.only.end()) {
      continue;
    }
    // Without the rivals their rows say so; without the others this installation is broken.
    if (mechanism.program != Program::kRivals) RequireHelper(FileName(mechanism.program));
    const std::string own = directory + "/" + std::to_string(contestants.size());
    if (::mkdir(own.c_str(), 0700) != 0) FailErrno("mkdir");
    contestants.push_back(std::make_unique<Contestant>(std::move(mechanism), own));
    contestants.back()->Start();
  }
  return contestants;
}

// A bare wake-up carries what it can and has one cell, whatever the sizes.
bool Runs(const Contestant& contestant, const Options& options, uint64_t size) {
  return contestant.running() &&
         (contestant.mechanism().max_message >= size || size == options.sizes.front());
}

// Those that run at that size, each in the cell for it.
std::vector<Contestant*> Enter(Contestants& contestants, const Options& options,
                               Placement placement, uint64_t size) {
  std::vector<Contestant*> runners;
  for (auto& contestant : contestants) {
    if (!Runs(*contestant, options, size)) continue;
    contestant->EnterCell(placement, std::min<uint64_t>(size, contestant->mechanism().max_message));
    runners.push_back(contestant.get());
  }
  return runners;
}

void RunRound(Contestants& contestants, const Options& options, int round, Progress& progress) {
  const double seconds = options.seconds / options.rounds;
  for (Placement placement : options.placements) {
    for (auto& contestant : contestants) contestant->Pin(placement);
    for (uint64_t size : options.sizes) {
      const std::vector<Contestant*> runners = Enter(contestants, options, placement, size);
      for (size_t i = 0; i < runners.size(); ++i) {
        Contestant& contestant = *runners[(round + i) % runners.size()];
        progress.Step("round " + std::to_string(round + 1) + ", " + Name(placement) + ", " +
                      std::to_string(size) + " B, " + contestant.mechanism().title);
        contestant.RunSlice(Task::kRoundTrips, seconds);
        contestant.RunSlice(Task::kOneWay, seconds);
      }
    }
  }
}

void CountSystemCalls(Contestants& contestants, const Options& options) {
  const Placement placement = options.placements.front();
  for (auto& contestant : contestants) contestant->Pin(placement);
  for (uint64_t size : options.sizes) {
    for (Contestant* contestant : Enter(contestants, options, placement, size)) {
      contestant->CountSystemCalls();
    }
  }
}

size_t Steps(const Contestants& contestants, const Options& options) {
  size_t cells = 0;
  for (const auto& contestant : contestants) {
    for (uint64_t size : options.sizes) cells += Runs(*contestant, options, size) ? 1 : 0;
  }
  return std::max<size_t>(1, cells * options.placements.size() * options.rounds);
}

}  // namespace

nlohmann::json RunMenu(const Options& options) {
  Circumstances circumstances;
  const BackgroundLoad background_load(options.background_load);
  const TemporaryDirectory directory;
  const Stopwatch stopwatch;
  Contestants contestants = Invite(options, directory.path());
  Progress progress(Steps(contestants, options));
  for (int round = 0; round < options.rounds; ++round) {
    RunRound(contestants, options, round, progress);
  }
  CountSystemCalls(contestants, options);
  progress.Done();
  std::vector<Row> rows;
  for (auto& contestant : contestants) {
    contestant->Prove();
    rows.push_back({contestant->mechanism(), contestant->TakeCells()});
  }
  circumstances.seconds = stopwatch.Seconds();
  circumstances.stolen_percent = stopwatch.StolenPercent();
  circumstances.no_system_calls = SystemCallCounter::WhyNot();
  return MakeReport(options, rows, circumstances);
}

}  // namespace samehost::bench::menu
