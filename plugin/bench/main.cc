// samehost-bench: how fast the same calls (`grpc`) and messages (`zmq`) are by each way, and
// everything else by which two processes can pass bytes (`menu`, `compare`). `samehost-bench
// --help`. Exit codes: 0 measured, 1 failed, 2 wrong arguments, 3 a proof was violated, 4 `compare`
// found something slower.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>
#include <map>

#include "plugin/bench/bench_failure.h"
#include "plugin/bench/cases.h"
#include "plugin/bench/helper_programs.h"
#include "plugin/bench/known_names.h"
#include "plugin/bench/link_hooks.h"
#include "plugin/bench/menu/command.h"
#include "plugin/bench/menu/worker.h"
#include "plugin/bench/output_file.h"
#include "plugin/bench/runner.h"
#include "plugin/bench/worker.h"
#include "plugin/bench/zmq_runner.h"

namespace samehost::bench {
namespace {

constexpr int kFailed = 1;
constexpr int kWrongArguments = 2;
constexpr int kProofViolated = 3;
constexpr double kQuickSeconds = 0.3;
constexpr int kQuickRounds = 2;

constexpr const char* kFooter =
    "Each command has its own --help. Use a quiet machine; the figures are good for the machine\n"
    "and the hour they were taken on: compare the ratios of one run.\n"
    "Exit codes: 0 measured, 1 failed, 2 wrong arguments, 3 a row did not go the way it claims,\n"
    "4 `compare` found something slower. More: man samehost-bench";

struct CommandLine {
  RunOptions run;
  std::vector<std::string> transports;
  bool quick = false;
  bool list = false;
  bool same_executable = false;
};

std::vector<std::string> CaseNames() {
  std::vector<std::string> names;
  for (const Case& what : AllCases()) names.push_back(what.name);
  return names;
}

std::vector<std::string> TransportNames() {
  std::vector<std::string> names;
  for (Transport transport : kAllTransports) names.emplace_back(Name(transport));
  return names;
}

void AddBackgroundLoad(CLI::App& command, int& processes) {
  command
      .add_option("--background-load", processes,
                  "CPU-bound processes to run beside it, as on a busy machine")
      ->capture_default_str()
      ->check(CLI::Range(0, 1000));
}

void AddGrpc(CLI::App& grpc, CommandLine& line) {
  static const std::map<std::string, Pinning> kPinnings = {
      {"none", Pinning::kNone}, {"split", Pinning::kSplit}, {"same", Pinning::kSame}};
  grpc.add_option("--cases", line.run.cases, "Only these cases, comma separated")
      ->delimiter(',')
      ->check(OneOf("case", CaseNames(), "samehost-bench grpc --list"));
  grpc.add_option("--transports", line.transports, "Only these transports, comma separated")
      ->delimiter(',')
      ->check(OneOf("transport", TransportNames(), ""));
  CLI::Option* seconds = grpc.add_option("--seconds", line.run.seconds,
                                         "Seconds of load for each row, over all rounds")
                             ->capture_default_str()
                             ->check(CLI::PositiveNumber);
  CLI::Option* rounds = grpc.add_option("--rounds", line.run.rounds, "Rounds of each case")
                            ->capture_default_str()
                            ->check(CLI::Range(1, 1000));
  grpc.add_flag("--quick", line.quick, "All cases in about a minute; rough")
      ->excludes(seconds)
      ->excludes(rounds);
  grpc.add_option("--pin", line.run.pinning,
                  "none: unpinned; split: servers on one CPU, clients on another; same: one CPU")
      ->transform(CLI::CheckedTransformer(kPinnings, CLI::ignore_case));
  AddBackgroundLoad(grpc, line.run.background_load);
  grpc.add_option("--json", line.run.json_file,
                  "Write the report to this file, too: all figures and the machine's facts");
  grpc.add_flag("--same-executable", line.same_executable,
                "Measure the stock rows in processes that have samehost linked in as well");
  grpc.add_flag("--list", line.list, "List the cases and leave");
}

void AddZmq(CLI::App& zmq, ZmqOptions& options, bool& list) {
  zmq.add_option("--cases", options.cases, "Only these cases, comma separated")
      ->delimiter(',')
      ->check(OneOf("case", ZmqCaseNames(), "samehost-bench zmq --list"));
  zmq.add_option("--seconds", options.seconds, "Seconds of load for each row, over all rounds")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  zmq.add_option("--rounds", options.rounds, "Rounds of each case")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  AddBackgroundLoad(zmq, options.background_load);
  zmq.add_option("--json", options.json_file,
                 "Write the report to this file, too: all figures and the machine's facts");
  zmq.add_flag("--list", list, "List the cases and leave");
}

int RunZmq(ZmqOptions options, bool list) {
  if (list) {
    ListZmqCases(stdout);
    return 0;
  }
  RequireWritable(options.json_file);
  options.worker = RequireHelper(kZmqProgram);
  options.library = RequireSamehostZmq();
  RunZmqBenchmark(options);
  return 0;
}

void AddWorker(CLI::App& worker, WorkerOptions& options, std::string& role) {
  worker.add_option("--role", role);
  worker.add_option("--control-fd", options.control_fd)->required();
  worker.add_option("--cpu", options.cpu);
  worker.add_flag("--raised-allocator", options.raised_allocator);
  worker.add_flag("--single-arena", options.single_arena);
}

// All that the run will start, before it begins.
void FindPrograms(CommandLine& line) {
  RunOptions& run = line.run;
  run.samehost_executable = OwnProgram();
  const bool stock = std::any_of(run.transports.begin(), run.transports.end(),
                                 [](Transport used) { return used != Transport::kSamehost; });
  run.stock_executable = run.samehost_executable;
  if (stock && !line.same_executable) run.stock_executable = RequireHelper(kStockProgram);
  for (const Case& what : AllCases()) {
    const bool chosen = run.cases.empty() ||
                        std::find(run.cases.begin(), run.cases.end(), what.name) != run.cases.end();
    if (chosen && what.kind == CaseKind::kBareLink) {
      run.link_executable = RequireHelper(kLinkProgram);
    }
  }
}

int RunGrpc(CommandLine line) {
  if (line.list) {
    for (const Case& what : AllCases()) {
      std::printf("%-20s %s\n", what.name.c_str(), what.title.c_str());
    }
    return 0;
  }
  RequireWritable(line.run.json_file);
  if (line.quick) {
    line.run.seconds = kQuickSeconds;
    line.run.rounds = kQuickRounds;
  }
  for (Transport transport : kAllTransports) {
    const std::vector<std::string>& only = line.transports;
    if (transport == Transport::kSamehost && !HasSamehost()) continue;
    if (only.empty() || std::find(only.begin(), only.end(), Name(transport)) != only.end()) {
      line.run.transports.push_back(transport);
    }
  }
  FindPrograms(line);
  RunGrpcBenchmark(line.run);
  return 0;
}

// What is wrong with the command line; exit code 0 is for --help and --version.
int ExplainArguments(const CLI::App& app, const CLI::ParseError& error,
                     const std::string& first_word) {
  if (error.get_exit_code() == 0) return app.exit(error);
  const std::vector<std::string> commands = {"grpc", "zmq", "menu", "compare", "page"};
  const bool word = !first_word.empty() && first_word[0] != '-';
  if (first_word.empty()) {
    std::fprintf(stderr,
                 "samehost-bench: which command? There are grpc, zmq, menu, compare and "
                 "page; `samehost-bench --help` says what they do\n");
  } else if (word && app.get_subcommands().empty()) {
    std::fprintf(stderr, "samehost-bench: %s\n",
                 UnknownName("command", first_word, commands, "samehost-bench --help").c_str());
  } else {
    std::fprintf(stderr, "samehost-bench: %s\nRun with --help for what there is.\n", error.what());
  }
  return kWrongArguments;
}

int Main(int argc, char** argv) {
  CLI::App app("Benchmarks of samehost beside the transports that programs use without it");
  app.require_subcommand(1);
  app.set_version_flag("--version", "samehost-bench " SAMEHOST_VERSION);
  CommandLine line;
  WorkerOptions worker_options;
  std::string role;
  AddGrpc(*app.add_subcommand("grpc", "The same gRPC calls by each transport"), line);
  ZmqOptions zmq_options;
  bool zmq_list = false;
  CLI::App* zmq = app.add_subcommand("zmq", "The same ZeroMQ messages by each transport");
  AddZmq(*zmq, zmq_options, zmq_list);
  CLI::App* worker = app.add_subcommand("grpc-worker", "A process of `grpc`")->group("");
  AddWorker(*worker, worker_options, role);
  std::function<int()> menu_command;
  menu::AddCommands(app, &menu_command);
  menu::WorkerOptions menu_options;
  CLI::App* menu_worker = menu::AddWorkerCommand(app, menu_options);
  app.footer(kFooter);  // not of the commands, which would take it over
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return ExplainArguments(app, error, argc > 1 ? argv[1] : "");
  }
  try {
    if (menu_worker->parsed()) menu::RunWorker(menu_options);
    if (menu_command) return menu_command();
    if (zmq->parsed()) return RunZmq(zmq_options, zmq_list);
    return worker->parsed() ? RunWorker(worker_options) : RunGrpc(line);
  } catch (const ProofFailure& failure) {
    std::fprintf(stderr, "samehost-bench: %s\n", failure.what());
    return kProofViolated;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "samehost-bench: %s\n", failure.what());
    return kFailed;
  }
}

}  // namespace
}  // namespace samehost::bench

int main(int argc, char** argv) { return samehost::bench::Main(argc, argv); }
