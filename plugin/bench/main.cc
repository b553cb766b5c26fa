// samehost-bench: how fast the same calls (`grpc`) and messages (`zmq`) are by each way, and
// everything else by which two processes can pass bytes (`menu`, `compare`). `samehost-bench
// --help`. Exit codes: 0 measured, 1 failed, 3 a proof was violated, 4 `compare` found something
// slower; CLI11's own for wrong arguments.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <map>

#include "plugin/bench/bench_failure.h"
#include "plugin/bench/cases.h"
#include "plugin/bench/link_hooks.h"
#include "plugin/bench/menu/command.h"
#include "plugin/bench/menu/programs.h"
#include "plugin/bench/menu/worker.h"
#include "plugin/bench/runner.h"
#include "plugin/bench/worker.h"
#include "plugin/bench/zmq_runner.h"

namespace samehost::bench {
namespace {

constexpr int kFailed = 1;
constexpr int kProofViolated = 3;
constexpr double kQuickSeconds = 0.3;
constexpr int kQuickRounds = 2;

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

void AddHogs(CLI::App& command, int& hogs) {
  command.add_option("--hogs", hogs, "Processes that compute meanwhile, as on a busy machine")
      ->capture_default_str()
      ->check(CLI::Range(0, 1000));
}

void AddGrpc(CLI::App& grpc, CommandLine& line) {
  static const std::map<std::string, Pinning> kPinnings = {
      {"none", Pinning::kNone}, {"split", Pinning::kSplit}, {"same", Pinning::kSame}};
  grpc.add_option("--cases", line.run.cases, "Only these cases, comma separated")
      ->delimiter(',')
      ->check(CLI::IsMember(CaseNames()));
  grpc.add_option("--transports", line.transports, "Only these transports, comma separated")
      ->delimiter(',')
      ->check(CLI::IsMember(TransportNames()));
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
  AddHogs(grpc, line.run.hogs);
  grpc.add_option("--json", line.run.json_file, "Write the report to this file, too");
  grpc.add_flag("--check", line.run.check, "List the targets that were not met at the end");
  grpc.add_flag("--same-executable", line.same_executable,
                "Measure the stock rows in processes that have samehost linked in as well");
  grpc.add_flag("--list", line.list, "List the cases and leave");
}

void AddZmq(CLI::App& zmq, ZmqOptions& options) {
  zmq.add_option("--cases", options.cases, "Only these cases, comma separated")
      ->delimiter(',')
      ->check(CLI::IsMember(ZmqCaseNames()));
  zmq.add_option("--seconds", options.seconds, "Seconds of load for each row, over all rounds")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  zmq.add_option("--rounds", options.rounds, "Rounds of each case")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  AddHogs(zmq, options.hogs);
  zmq.add_option("--json", options.json_file, "Write the report to this file, too");
}

int RunZmq(ZmqOptions options) {
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe");
  options.worker = self.parent_path() / "samehost-bench-zmq-worker";
  options.library = menu::FindSamehostZmq();
  if (options.library.empty()) throw BenchFailure("samehost's libzmq.so.5 was not found");
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

int RunGrpc(CommandLine line) {
  if (line.list) {
    for (const Case& what : AllCases()) {
      std::printf("%-20s %s\n", what.name.c_str(), what.title.c_str());
    }
    return 0;
  }
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
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe");
  line.run.samehost_executable = self;
  line.run.stock_executable =
      line.same_executable ? self : self.parent_path() / "samehost-bench-stock";
  RunGrpcBenchmark(line.run);
  return 0;
}

int Main(int argc, char** argv) {
  CLI::App app("Benchmarks of samehost beside the stock transports");
  app.require_subcommand(1);
  CommandLine line;
  WorkerOptions worker_options;
  std::string role;
  AddGrpc(*app.add_subcommand("grpc", "gRPC calls over each transport"), line);
  ZmqOptions zmq_options;
  CLI::App* zmq = app.add_subcommand("zmq", "ZeroMQ messages over each transport");
  AddZmq(*zmq, zmq_options);
  CLI::App* worker = app.add_subcommand("grpc-worker", "A process of `grpc`")->group("");
  AddWorker(*worker, worker_options, role);
  std::function<int()> menu_command;
  menu::AddCommands(app, &menu_command);
  menu::WorkerOptions menu_options;
  CLI::App* menu_worker = menu::AddWorkerCommand(app, menu_options);
  CLI11_PARSE(app, argc, argv);
  try {
    if (menu_worker->parsed()) menu::RunWorker(menu_options);
    if (menu_command) return menu_command();
    if (zmq->parsed()) return RunZmq(zmq_options);
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
