// The samehost command: reads the command line and calls the command that it names.
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "plugin/cli/command_errors.h"
#include "plugin/cli/doctor.h"
#include "plugin/cli/exit_code.h"
#include "plugin/cli/explain.h"
#include "plugin/cli/metrics.h"
#include "plugin/cli/run.h"
#include "plugin/cli/setting_values.h"
#include "plugin/cli/status.h"
#include "plugin/cli/switch.h"

namespace samehost::cli {
namespace {

constexpr char kExitCodes[] =
    "Exit codes: 0 done (explain: shared memory; doctor: nothing missing), 1 explain: a socket,\n"
    "doctor: something missing, 2 wrong command line, 3 failed, 126 and 127 as of a shell.\n"
    "`run` becomes the program: its exit code and signals are the program's.";

// What is behind the first "--": the program of `run`, word for word. CLI11 gets what is before.
std::vector<std::string> SplitProgram(std::vector<std::string>* arguments) {
  const auto dashes = std::find(arguments->begin(), arguments->end(), "--");
  if (arguments->empty() || arguments->front() != "run" || dashes == arguments->end()) return {};
  std::vector<std::string> program(dashes, arguments->end());
  arguments->erase(dashes, arguments->end());
  return program;
}

// "one,two", and more of the same option. `why_not`: what is wrong with an item; empty when
// nothing.
void AddList(CLI::App* app, const std::string& name, std::vector<std::string>* list,
             std::string (*why_not)(const std::string& item), const std::string& description) {
  app->add_option(name, *list, description)
      ->delimiter(',')
      ->expected(1)
      ->allow_extra_args(false)  // what follows is the program
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->check(CLI::Validator([why_not](std::string& item) { return why_not(item); }, ""));
}

bool IsDirectory(const std::string& path) {
  struct stat status = {};
  return stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

// A server makes the last folder of the path, so that one may be missing.
std::string WhyNoDirectory(const std::string& path) {
  if (IsDirectory(path)) return "";
  struct stat status = {};
  if (stat(path.c_str(), &status) == 0) return path + " is no directory";
  const size_t slash = path.find_last_not_of('/') == std::string::npos
                           ? std::string::npos
                           : path.rfind('/', path.find_last_not_of('/'));
  const std::string parent = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  if (IsDirectory(parent)) return "";
  return path + " is not there, and neither is " + parent + ", in which a server would make it";
}

void AddDirectory(CLI::App* app, std::string* directory) {
  app->add_option("--dir", *directory, "the rendezvous directory (SAMEHOST_DIR)")
      ->check(CLI::Validator([](std::string& path) { return WhyNoDirectory(path); }, ""));
}

CLI::App* AddRun(CLI::App* app, RunOptions* options) {
  CLI::App* run = app->add_subcommand(
      "run", "start a program whose gRPC and ZeroMQ connections on this host use shared memory");
  run->prefix_command();
  run->add_flag("-v,--verbose", options->verbose, "say what is served, and each decision");
  run->add_flag("--replace-tls", options->replace_tls,
                "use shared memory in place of TLS (both sides must say so)");
  run->add_option("--wait", options->wait, "how threads wait: efficient, balanced or latency")
      ->check(CLI::IsMember({"efficient", "balanced", "latency"}));
  AddDirectory(run, &options->directory);
  AddList(run, "--exclude", &options->exclude, WhyNoExclusion, "addresses that stay on sockets");
  AddList(run, "--allow-users", &options->allow_users, WhyNoUser,
          "other users to share memory with, by name or number");
  AddList(run, "--allow-groups", &options->allow_groups, WhyNoGroup, "the same by group");
  run->add_flag("!--no-grpc", options->grpc, "leave gRPC alone");
  run->add_flag("!--no-zmq", options->zmq, "leave ZeroMQ alone");
  run->footer(
      "Examples:\n"
      "  samehost run -- ./greeter_server\n"
      "  samehost run --verbose -- ruby client.rb localhost:50051\n"
      "  samehost run --exclude :2379 -- ./gateway --backend=localhost:50051\n");
  return run;
}

CLI::App* AddStatus(CLI::App* app, StatusOptions* options) {
  CLI::App* status =
      app->add_subcommand("status", "show every connection through shared memory on this host");
  status->add_flag("--json", options->json, "for programs");
  auto* watch = status->add_flag("-w,--watch", options->watch, "redraw, like top; q ends it");
  watch->excludes("--json");
  status->add_option("-i,--interval", options->interval, "seconds between two samples")
      ->check(CLI::Range(0.05, 3600.0));
  status->footer(
      "Root sees the connections of all users, others their own.\n"
      "Examples:\n"
      "  samehost status\n"
      "  samehost status --watch --interval 2\n"
      "  samehost status --json | jq '.links[].address'\n");
  return status;
}

CLI::App* AddDoctor(CLI::App* app, DoctorOptions* options) {
  CLI::App* doctor =
      app->add_subcommand("doctor", "say what this machine lacks, and try one real connection");
  doctor->add_flag("--json", options->json, "for programs");
  doctor->add_option("--dir", options->directory, "the rendezvous directory (SAMEHOST_DIR)");
  doctor->footer("Run it as the user and in the environment of the programs that it is about.\n");
  return doctor;
}

CLI::App* AddMetrics(CLI::App* app, std::string* file) {
  CLI::App* metrics = app->add_subcommand("metrics", "print the counters for Prometheus");
  metrics->add_option("-o,--output", *file, "replace this file instead of printing");
  metrics->footer(
      "Example, from a timer, for node_exporter's textfile collector:\n"
      "  samehost metrics --output /var/lib/prometheus/node-exporter/samehost.prom\n");
  return metrics;
}

CLI::App* AddOff(CLI::App* app, SwitchOptions* options) {
  CLI::App* off = app->add_subcommand(
      "off", "take the machine's connections off shared memory, also those of running processes");
  AddList(off, "--exclude", &options->exclude, WhyNoExclusion,
          "only these addresses, in place of those before");
  off->add_option("--dir", options->directory, "the rendezvous directory (SAMEHOST_DIR)");
  off->footer(
      "For root. Nothing fails: calls under way finish, new connections use sockets.\n"
      "Examples:\n"
      "  sudo samehost off\n"
      "  sudo samehost off --exclude :2379,127.0.0.1:9000\n");
  return off;
}

CLI::App* AddOn(CLI::App* app, SwitchOptions* options) {
  CLI::App* on = app->add_subcommand("on", "end what samehost off began");
  on->add_option("--dir", options->directory, "the rendezvous directory (SAMEHOST_DIR)");
  on->footer("Connections come back to shared memory when they are next made.\n");
  return on;
}

CLI::App* AddExplain(CLI::App* app, ExplainOptions* options) {
  CLI::App* explain = app->add_subcommand(
      "explain", "say step by step whether an address is reached through shared memory, and why");
  explain->add_option("address", options->address, "as the client writes it")->required();
  explain
      ->add_option("--credentials", options->credentials,
                   "what the client uses: insecure, local or tls")
      ->check(CLI::IsMember({"insecure", "local", "tls"}));
  explain->add_flag("--replace-tls", options->replace_tls, "as of samehost run");
  AddDirectory(explain, &options->directory);
  explain->add_flag("--json", options->json, "for programs");
  explain->footer(
      "It goes the way of a client that runs here, as this user, with this environment.\n"
      "Examples:\n"
      "  samehost explain localhost:50051\n"
      "  samehost explain --credentials tls --replace-tls db.example:443\n"
      "  samehost explain unix:/run/app.sock\n"
      "  samehost explain tcp://127.0.0.1:5555\n");
  return explain;
}

int Main(std::vector<std::string> arguments) {
  CLI::App app("gRPC and ZeroMQ between processes of one host, through shared memory.", "samehost");
  app.require_subcommand(1);
  app.set_version_flag("--version", "samehost " SAMEHOST_VERSION);
  app.footer(kExitCodes);
  RunOptions run_options;
  StatusOptions status_options;
  ExplainOptions explain_options;
  DoctorOptions doctor_options;
  std::string metrics_file;
  SwitchOptions switch_options;
  CLI::App* run = AddRun(&app, &run_options);
  CLI::App* status = AddStatus(&app, &status_options);
  CLI::App* explain = AddExplain(&app, &explain_options);
  CLI::App* doctor = AddDoctor(&app, &doctor_options);
  CLI::App* metrics = AddMetrics(&app, &metrics_file);
  CLI::App* off = AddOff(&app, &switch_options);
  CLI::App* on = AddOn(&app, &switch_options);

  if (!arguments.empty() && !IsCommandOrOption(app, arguments.front())) {
    return SayUnknownCommand(app, arguments.front());
  }
  std::vector<std::string> behind = SplitProgram(&arguments);
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 takes them
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError& e) {
    return SayWhatIsWrong(app, e);
  }
  if (*run) {
    run_options.program = run->remaining();
    // In front of "--" and of any word that is no option, so it is none of the program's.
    if (!run_options.program.empty() && IsOption(run_options.program.front())) {
      return SayUnknownWord(*run, run_options.program.front());
    }
    // "--" in front of the program is ours, any other is the program's.
    if (run_options.program.empty() && !behind.empty()) behind.erase(behind.begin());
    run_options.program.insert(run_options.program.end(), behind.begin(), behind.end());
    if (run_options.program.empty()) {
      std::fputs("samehost run: which program? Usage: samehost run [OPTIONS] -- PROGRAM ...\n",
                 stderr);
      return kUsage;
    }
    return Run(run_options);
  }
  if (*status) return Status(status_options);
  if (*explain) return Explain(explain_options);
  if (*doctor) return Doctor(doctor_options);
  if (*metrics) return Metrics(metrics_file);
  if (*off) return SwitchOff(switch_options);
  if (*on) return SwitchOn(switch_options);
  return kUsage;
}

}  // namespace
}  // namespace samehost::cli

int main(int argc, char** argv) {
  return samehost::cli::Main(std::vector<std::string>(argv + 1, argv + argc));
}
