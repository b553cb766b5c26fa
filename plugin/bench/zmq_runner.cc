#include "plugin/bench/zmq_runner.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "plugin/bench/bench_failure.h"
#include "plugin/bench/hogs.h"
#include "plugin/bench/machine_facts.h"
#include "plugin/bench/temporary_directory.h"

namespace samehost::bench {
namespace {

using nlohmann::json;

struct ZmqCase {
  const char* name;
  const char* pattern;
  size_t bytes;
  bool efficient;  // SAMEHOST_WAIT=efficient
  double lower;    // p50 so many times lower than the better of stock ipc and tcp; 0: no target
  double faster;   // messages per second so many times

  // Round trips, rather than one way.
  bool Echoes() const { return lower > 0; }
};

constexpr ZmqCase kCases[] = {
    {"req_16", "req", 16, false, 15, 0},         {"req_1k", "req", 1024, false, 15, 0},
    {"req_64k", "req", 65536, false, 5, 0},      {"req_1m", "req", 1 << 20, false, 2.5, 0},
    {"req_16_efficient", "req", 16, true, 2, 0}, {"dealer_16", "dealer", 16, false, 15, 0},
    {"dealer_1k", "dealer", 1024, false, 15, 0}, {"push_16", "push", 16, false, 0, 2},
    {"push_1k", "push", 1024, false, 0, 4},      {"push_64k", "push", 65536, false, 0, 4},
    {"push_1m", "push", 1 << 20, false, 0, 2.5}, {"pub_16", "pub", 16, false, 0, 2},
    {"pub_1k", "pub", 1024, false, 0, 4},        {"idle", "idle", 16, false, 0, 0},
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

class Worker {
 public:
  Worker(const ZmqOptions& options, const ZmqCase& what, const Way& way,
         std::vector<std::string> arguments) {
    int to[2], from[2];
    if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0) throw BenchFailure("pipe");
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
  ~Worker() {
    if (in_ >= 0) close(in_);
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    fclose(out_);
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  std::string Line() {
    char line[512];
    if (fgets(line, sizeof(line), out_) == nullptr) throw BenchFailure("a zmq worker died");
    std::string text = line;
    text.erase(text.find_last_not_of('\n') + 1);
    return text;
  }
  void EndInput() {
    close(in_);
    in_ = -1;
  }

 private:
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
    Worker both(options, what, way, {"inproc", way.endpoint, bytes, seconds});
    result = json::parse(both.Line());
  } else {
    Worker server(options, what, way, {"serve", way.endpoint, bytes});
    const std::string bound = server.Line();
    Worker client(options, what, way, {"measure", bound.substr(6), bytes, seconds});
    result = json::parse(client.Line());
    server.EndInput();
    server_cpu = json::parse(server.Line())["cpu_ns"];
  }
  Prove(what, way, result);
  const double count = result["count"], took = result["seconds"];
  const double client_cpu = result["cpu_ns"];
  if (what.pattern == std::string("idle")) {
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
  json report = {{"case", what.name}, {"bytes", what.bytes}, {"rows", json::object()}};
  const bool idle = what.pattern == std::string("idle");
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
  const double wanted = echoes ? what.lower : what.faster;
  const double cpu = Median(ours.cpu_us) / std::min(Median(ipc.cpu_us), Median(tcp.cpu_us));
  std::printf("  -> %.2fx %s (wanted %.1fx: %s); CPU %.2f of stock%s", ratio,
              echoes ? "lower p50" : "messages/s", wanted, ratio >= wanted ? "met" : "MISSED", cpu,
              echoes ? "" : "\n");
  if (echoes) {
    const double p99 = Median(ours.p99) / std::min(Median(ipc.p99), Median(tcp.p99));
    std::printf("; p99 %.2f of stock\n", p99);
    report["p99_ratio"] = p99;
  }
  report["ratio"] = ratio;
  report["wanted"] = wanted;
  report["cpu_ratio"] = cpu;
  return report;
}

}  // namespace

std::vector<std::string> ZmqCaseNames() {
  std::vector<std::string> names;
  for (const ZmqCase& what : kCases) names.emplace_back(what.name);
  return names;
}

void RunZmqBenchmark(const ZmqOptions& options) {
  const Hogs hogs(options.hogs);
  const TemporaryDirectory directory;
  ::setenv("TMPDIR", directory.path().c_str(), 1);  // where libzmq makes the folders of ipc sockets
  json all = {{"machine", MachineFacts()}, {"hogs", options.hogs}, {"cases", json::array()}};
  std::printf(
      "ZeroMQ, two processes, %.1f s a row in %d interleaved rounds; medians of the rounds.\n"
      "Ratios are to the better of stock ipc and stock tcp.\n",
      options.seconds, options.rounds);
  if (options.hogs > 0) std::printf("Beside %d processes that compute.\n", options.hogs);
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
  if (!options.json_file.empty()) std::ofstream(options.json_file) << all.dump(2) << "\n";
}

}  // namespace samehost::bench
