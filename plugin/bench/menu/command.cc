#include "plugin/bench/menu/command.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <memory>

#include "plugin/bench/bench_failure.h"
#include "plugin/bench/known_names.h"
#include "plugin/bench/menu/catalog.h"
#include "plugin/bench/menu/compare.h"
#include "plugin/bench/menu/csv.h"
#include "plugin/bench/menu/html.h"
#include "plugin/bench/menu/options.h"
#include "plugin/bench/menu/runner.h"
#include "plugin/bench/menu/table.h"
#include "plugin/bench/output_file.h"

namespace samehost::bench::menu {
namespace {

constexpr int kFoundSlower = 4;
constexpr double kQuickSeconds = 0.064;
constexpr int kQuickRounds = 8;

struct CommandLine {
  Options options;
  bool quick = false;
  bool list = false;
};

std::vector<std::string> Names() {
  std::vector<std::string> names;
  for (const Mechanism& mechanism : Catalog()) names.push_back(mechanism.name);
  return names;
}

int List() {
  for (const Mechanism& mechanism : Catalog()) {
    std::printf("%-20s %s%s%s\n", mechanism.name.c_str(), mechanism.title.c_str(),
                mechanism.missing.empty() ? "" : ": not available: ", mechanism.missing.c_str());
  }
  return 0;
}

int RunMenuCommand(CommandLine line) {
  if (line.list) return List();
  if (line.quick) {
    line.options.seconds = kQuickSeconds;
    line.options.rounds = kQuickRounds;
    line.options.placements = {Placement::kUnpinned};
  }
  std::vector<uint64_t>& sizes = line.options.sizes;
  std::sort(sizes.begin(), sizes.end());
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  for (const std::string& file :
       {line.options.json_file, line.options.csv_file, line.options.html_file}) {
    RequireWritable(file);
  }
  const nlohmann::json report = RunMenu(line.options);
  PrintTables(stdout, report);
  WriteOutput(line.options.json_file, report.dump(1) + "\n");
  WriteOutput(line.options.csv_file, ToCsv(report));
  if (!line.options.html_file.empty()) WriteOutput(line.options.html_file, ToHtml(report));
  return 0;
}

nlohmann::json ReadReport(const std::string& file) {
  std::ifstream in(file);
  if (!in) throw BenchFailure("cannot read " + file);
  try {
    return nlohmann::json::parse(in);
  } catch (const nlohmann::json::exception&) {
    throw BenchFailure(file + " is not JSON");
  }
}

int RunCompareCommand(const std::string& before, const std::string& after) {
  const Comparison comparison = Compare(ReadReport(before), ReadReport(after));
  PrintComparison(stdout, comparison);
  return comparison.slower.empty() ? 0 : kFoundSlower;
}

int RunPageCommand(const std::string& report, const std::string& html) {
  WriteOutput(html, ToHtml(ReadReport(report)));
  return 0;
}

void AddCompare(CLI::App& app, std::function<int()>* chosen) {
  const auto files = std::make_shared<std::pair<std::string, std::string>>();
  CLI::App* compare = app.add_subcommand(
      "compare", "What got slower beyond noise from one report of `menu` to another");
  compare->add_option("OLD.json", files->first)->required();
  compare->add_option("NEW.json", files->second)->required();
  compare->callback([files, chosen] {
    *chosen = [files] { return RunCompareCommand(files->first, files->second); };
  });
}

void AddPage(CLI::App& app, std::function<int()>* chosen) {
  const auto files = std::make_shared<std::pair<std::string, std::string>>();
  CLI::App* page = app.add_subcommand("page", "Draws a report of `menu` that was made earlier");
  page->add_option("REPORT.json", files->first)->required();
  page->add_option("PAGE.html", files->second)->required();
  page->callback([files, chosen] {
    *chosen = [files] { return RunPageCommand(files->first, files->second); };
  });
}

void AddMenu(CLI::App& app, std::function<int()>* chosen) {
  static const std::map<std::string, Placement> kPlacements = {{"unpinned", Placement::kUnpinned},
                                                               {"pinned", Placement::kPinned}};
  const auto line = std::make_shared<CommandLine>();
  Options& options = line->options;
  CLI::App* menu = app.add_subcommand("menu", "Every way to pass bytes between two processes");
  menu->add_option("--only", options.only, "Only these mechanisms, comma separated")
      ->delimiter(',')
      ->check(OneOf("mechanism", Names(), "samehost-bench menu --list"));
  menu->add_option("--sizes", options.sizes, "Message sizes in bytes, comma separated")
      ->delimiter(',')
      ->check(CLI::Range(uint64_t{0}, uint64_t{64} << 20));
  CLI::Option* seconds =
      menu->add_option("--seconds", options.seconds,
                       "Seconds of load for each mechanism, size, placement and direction")
          ->capture_default_str()
          ->check(CLI::PositiveNumber);
  CLI::Option* rounds = menu->add_option("--rounds", options.rounds, "Rounds of each cell")
                            ->capture_default_str()
                            ->check(CLI::Range(1, 1000));
  CLI::Option* placements = menu->add_option("--placements", options.placements,
                                             "unpinned, pinned (each end on its own CPU), or both")
                                ->delimiter(',')
                                ->transform(CLI::CheckedTransformer(kPlacements));
  menu->add_flag("--quick", line->quick, "All mechanisms, unpinned, in less than a minute; rough")
      ->excludes(seconds)
      ->excludes(rounds)
      ->excludes(placements);
  menu->add_option("--background-load", options.background_load,
                   "CPU-bound processes to run beside it, as on a busy machine")
      ->capture_default_str()
      ->check(CLI::Range(0, 1000));
  menu->add_option("--json", options.json_file, "Write the report to this file");
  menu->add_option("--csv", options.csv_file, "Write the figures to this file");
  menu->add_option("--html", options.html_file, "Write a page to look at to this file");
  menu->add_flag("--list", line->list, "List the mechanisms and leave");
  menu->callback([line, chosen] { *chosen = [line] { return RunMenuCommand(*line); }; });
}

}  // namespace

void AddCommands(CLI::App& app, std::function<int()>* chosen) {
  AddMenu(app, chosen);
  AddCompare(app, chosen);
  AddPage(app, chosen);
}

}  // namespace samehost::bench::menu
