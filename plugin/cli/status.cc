#include "plugin/cli/status.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <thread>
#include <utility>

#include "plugin/cli/exit_code.h"
#include "plugin/cli/outdated.h"
#include "plugin/cli/rates.h"
#include "plugin/cli/snapshot.h"
#include "plugin/cli/status_json.h"
#include "plugin/cli/status_text.h"
#include "plugin/cli/switch.h"
#include "plugin/cli/watch.h"
#include "plugin/rendezvous/sweep.h"

namespace samehost::cli {
namespace {

// Long enough for a rate, short enough to wait for.
constexpr double kOnceInterval = 0.25;
constexpr double kWatchInterval = 1.0;

bool ShowsUid() { return geteuid() == 0; }

// With what is true of the machine and not of a process.
Snapshot TakeWholeSnapshot() {
  Snapshot out = TakeSnapshot();
  out.outdated = FindOutdated();
  out.switched_off = SwitchLines();
  return out;
}

std::vector<std::string> Lines(const Snapshot& now, const Rates& rates, size_t columns) {
  return StatusText(now, rates, ShowsUid(), columns);
}

int Once(const StatusOptions& options) {
  const double interval = options.interval > 0 ? options.interval : kOnceInterval;
  const Snapshot before = TakeSnapshot();
  // Rates are of this time; without a link there is nothing to wait for.
  if (!before.links.empty()) std::this_thread::sleep_for(std::chrono::duration<double>(interval));
  const Snapshot after = TakeWholeSnapshot();
  const Rates rates = RatesBetween(before, after);
  if (options.json) {
    std::fputs(StatusJson(after, rates).c_str(), stdout);
  } else {
    for (const std::string& line : Lines(after, rates, TerminalColumns())) std::puts(line.c_str());
  }
  return std::fflush(stdout) == 0 ? kOk : kFailed;
}

}  // namespace

int Status(const StatusOptions& options) {
  rendezvous::SweepOwnFolders("");
  if (!options.watch) return Once(options);
  Snapshot now = TakeWholeSnapshot();
  Rates rates;
  return Watch(
      options.interval > 0 ? options.interval : kWatchInterval,
      [&] {
        const Snapshot before = std::exchange(now, TakeWholeSnapshot());
        rates = RatesBetween(before, now);
      },
      [&](size_t columns) { return Lines(now, rates, columns); });
}

}  // namespace samehost::cli
