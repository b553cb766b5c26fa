#include "plugin/bench/zmq_runner.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <string_view>

#include "plugin/bench/background_load.h"
#include "plugin/bench/bench_failure.h"
#include "plugin/bench/machine_facts.h"
#include "plugin/bench/output_file.h"
#include "plugin/bench/temporary_directory.h"

namespace samehost::bench {
namespace {

using nlohmann::json;

struct ZmqCase {
  const char* name;
  const char* pattern;
  size_t bytes;
  bool efficient = false;  // SAMEHOST_WAIT=efficient

  bool Idles() const { return pattern == std::string_view("idle"); }
  // Round trips, rather than one way.
  bool Echoes() const {
    return pattern == std::string_view("req") || pattern == std::string_view("dealer");
  }
};

constexpr ZmqCase kCases[] = {
    {"req_16", "req", 16},
    {"req_1k", "req", 1024},
    {"req_64k", "req", 65536},
    {"req_1m", "req", 1 << 20},
    {"req_16_efficient", "req", 16, true},
    {"dealer_16", "dealer", 16},
    {"dealer_1k", "dealer", 1024},
    {"push_16", "push", 16},
    {"push_1k", "push", 1024},
    {"push_64k", "push", 65536},
    {"push_1m", "push", 1 << 20},
    {"pub_16", "pub", 16},
    {"pub_1k", "pub", 1024},
    {"idle", "idle", 16},
};

struct Way {
  const char* name;
  const char* endpoint;
  bool ours;
};
constexpr Way kWays[] = {{"stock ipc", "ipc://*", false},
                         {"stock tcp", "tcp://127.0.0.1:*", false},
                         {"inproc", "inproc://bench", false},
                         {"samehost", "shm://*", true}};

class ZmqWorker {
 public:
  ZmqWorker(const ZmqOptions& options, const ZmqCase& what, const Way& way,
            std::vector<std::string> arguments)
      : name_(std::string("a process of ") + what.name + ", " + way.name + ",") {
    int to[2], from[2];
    if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0) FailErrno("pipe");
    arguments.insert(arguments.begin(), {options.worker, what.pattern});
    pid_ = fork();
    if (pid_ == 0) {
      dup2(to[0], 0);
      dup2(from[1], 1);
      // The distribution's library is found without any help.
      if (way.ours) setenv("LD_LIBRARY_PATH", options.library.c_str(), 1);
      if (!way.ours) unsetenv("LD_LIBRARY_PATH");
      if (what.efficient) setenv("SAMEHOST_WAIT", "efficient", 1);
      std::vector<char*> words;
      for (std::string& argument : arguments) words.push_back(argument.data());
      words.push_back(nullptr);
      execv(words[0], words.data());
      _exit(127);
    }
    close(to[0]);
    close(from[1]);
    in_ = to[1];
    out_ = fdopen(from[0], "r");
  }
  ~ZmqWorker() {
    if (in_ >= 0) close(in_);
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    fclose(out_);
  }
  ZmqWorker(const ZmqWorker&) = delete;
  ZmqWorker& operator=(const ZmqWorker&) = delete;

  std::string Line() {
    char line[512];
    if (fgets(line, sizeof(line), out_) == nullptr)
      throw BenchFailure(name_ + " has ended unexpectedly; what it said is above");
    std::string text = line;
    text.erase(text.find_last_not_of('\n') + 1);
    return text;
  }
  void EndInput() {
    close(in_);
    in_ = -1;
  }

 private:
  std::string name_;
  pid_t pid_;
  int in_;
  FILE* out_;
};

struct Row {
  std::vector<double> p50, p99, rate, cpu_us, idle_percent, link_kib;
};

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void Prove(const ZmqCase& what, const Way& way, const json& result) {
  const auto links = result["links"].get<int>();
  const auto shared = result["shared_messages"].get<uint64_t>();
  const auto count = result["count"].get<uint64_t>();
  if (!way.ours && links != 0) {
    throw ProofFailure(std::string(way.name) + " used shared memory");
  }
  // Either end's; a round trip is received twice.
  const uint64_t received = what.Echoes() ? 2 * count : count;
  const auto shared_bytes = result["shared_message_bytes"].get<uint64_t>();
  if (way.ours && (links == 0 || shared < received || shared_bytes < received * what.bytes)) {
    throw ProofFailure(std::string(what.name) + ": of " + std::to_string(received) +
                       " messages shared memory carried " + std::to_string(shared) + ", and " +
                       std::to_string(shared_bytes) + " bytes");
  }
}

void RunOne(const ZmqOptions& options, const ZmqCase& what, const Way& way, Row* row) {
  const std::string seconds = std::to_string(options.seconds / options.rounds);
  const std::string bytes = std::to_string(what.bytes);
  json result;
  uint64_t server_cpu = 0;
  if (way.name == std::string("inproc")) {
    ZmqWorker both(options, what, way, {"inproc", way.endpoint, bytes, seconds});
    result = json::parse(both.Line());
  } else {
    ZmqWorker server(options, what, way, {"serve", way.endpoint, bytes});
    const std::string bound = server.Line();
    ZmqWorker client(options, what, way, {"measure", bound.substr(6), bytes, seconds});
    result = json::parse(client.Line());
    server.EndInput();
    server_cpu = json::parse(server.Line())["cpu_ns"];
  }
  Prove(what, way, result);
  const double count = result["count"], took = result["seconds"];
  const double client_cpu = result["cpu_ns"];
  if (what.Idles()) {
    row->idle_percent.push_back(client_cpu / (took * 1e9) * 100);
    row->link_kib.push_back(result["shared_bytes"].get<double>() / 1024);
    return;
  }
  row->p50.push_back(result["p50_us"]);
  row->p99.push_back(result["p99_us"]);
  row->rate.push_back(count / took);
  // The server has served the warm-up as well (100 ms).
  const double share = took / (took + 0.1);
  row->cpu_us.push_back((client_cpu + static_cast<double>(server_cpu) * share) / count / 1e3);
}

json Report(const ZmqCase& what, const std::map<std::string, Row>& rows) {
  json report = {{"name", what.name}, {"bytes", what.bytes}, {"rows", json::object()}};
  const bool idle = what.Idles();
  const bool echoes = what.Echoes();
  std::printf("\n%s: %zu bytes%s\n", what.name, what.bytes,
              what.efficient ? ", SAMEHOST_WAIT=efficient" : "");
  for (const Way& way : kWays) {
    const auto found = rows.find(way.name);
    if (found == rows.end()) continue;
    const Row& row = found->second;
    if (idle) {
      std::printf("  %-10s  CPU %.2f %%   shared memory of one connection %.0f KiB\n", way.name,
                  Median(row.idle_percent), Median(row.link_kib));
      report["rows"][way.name] = {{"cpu_percent", Median(row.idle_percent)},
                                  {"shared_kib", Median(row.link_kib)}};
      continue;
    }
    if (echoes) {
      std::printf("  %-10s  p50 %9.2f us   p99 %9.2f us   CPU %8.2f us\n", way.name,
                  Median(row.p50), Median(row.p99), Median(row.cpu_us));
    } else {
      std::printf("  %-10s  %9.3f M/s   %8.3f GB/s   CPU %8.3f us\n", way.name,
                  Median(row.rate) / 1e6, Median(row.rate) * static_cast<double>(what.bytes) / 1e9,
                  Median(row.cpu_us));
    }
    report["rows"][way.name] = {{"p50_us", Median(row.p50)},
                                {"p99_us", Median(row.p99)},
                                {"per_second", Median(row.rate)},
                                {"cpu_us", Median(row.cpu_us)}};
  }
  if (idle) return report;
  const Row &ipc = rows.at("stock ipc"), &tcp = rows.at("stock tcp"), &ours = rows.at("samehost");
  const auto better = [&](double a, double b) { return echoes ? std::min(a, b) : std::max(a, b); };
  const double stock = echoes ? better(Median(ipc.p50), Median(tcp.p50))
                              : better(Median(ipc.rate), Median(tcp.rate));
  const double ratio = echoes ? stock / Median(ours.p50) : Median(ours.rate) / stock;
  const double cpu = Median(ours.cpu_us) / std::min(Median(ipc.cpu_us), Median(tcp.cpu_us));
  std::printf("  samehost: %.2fx %s; CPU %.2f of stock", ratio, echoes ? "lower p50" : "messages/s",
              cpu);
  report["ratios"] = {{echoes ? "p50_times_lower" : "rate_times", ratio}, {"cpu_of_stock", cpu}};
  if (echoes) {
    const double p99 = Median(ours.p99) / std::min(Median(ipc.p99), Median(tcp.p99));
    std::printf("; p99 %.2f of stock", p99);
    report["ratios"]["p99_of_stock"] = p99;
  }
  std::printf("\n");
  return report;
}

json OptionsJson(const ZmqOptions& options) {
  return {{"seconds", options.seconds},
          {"rounds", options.rounds},
          {"background_load", options.background_load}};
}

}  // namespace

std::vector<std::string> ZmqCaseNames() {
  std::vector<std::string> names;
  for (const ZmqCase& what : kCases) names.emplace_back(what.name);
  return names;
}

void ListZmqCases(std::FILE* out) {
  const std::map<std::string_view, const char*> patterns = {{"req", "REQ/REP round trips"},
                                                            {"dealer", "DEALER/ROUTER round trips"},
                                                            {"push", "PUSH/PULL, one way"},
                                                            {"pub", "PUB/SUB, one way"},
                                                            {"idle", "a connection that is idle"}};
  for (const ZmqCase& what : kCases) {
    std::fprintf(out, "%-20s %s, %zu bytes%s\n", what.name, patterns.at(what.pattern), what.bytes,
                 what.efficient ? ", SAMEHOST_WAIT=efficient" : "");
  }
}

void RunZmqBenchmark(const ZmqOptions& options) {
  const BackgroundLoad background_load(options.background_load);
  const TemporaryDirectory directory;
  ::setenv("TMPDIR", directory.path().c_str(), 1);  // where libzmq makes the folders of ipc sockets
  json all = {{"schema", 1},
              {"kind", "samehost-bench zmq"},
              {"machine", MachineFacts()},
              {"options", OptionsJson(options)},
              {"cases", json::array()}};
  std::printf(
      "ZeroMQ, two processes, %.1f s a row in %d interleaved rounds; medians of the rounds.\n"
      "Ratios are to the better of stock ipc and stock tcp.\n",
      options.seconds, options.rounds);
  if (options.background_load > 0) {
    std::printf("%d CPU-bound processes run beside it.\n", options.background_load);
  }
  for (const ZmqCase& what : kCases) {
    const auto& only = options.cases;
    if (!only.empty() && std::find(only.begin(), only.end(), what.name) == only.end()) continue;
    std::map<std::string, Row> rows;
    for (int round = 0; round < options.rounds; ++round) {
      for (const Way& way : kWays) RunOne(options, what, way, &rows[way.name]);
    }
    all["cases"].push_back(Report(what, rows));
    std::fflush(stdout);
  }
  WriteOutput(options.json_file, all.dump(2) + "\n");
}

}  // namespace samehost::bench
