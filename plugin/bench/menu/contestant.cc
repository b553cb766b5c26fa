#include "plugin/bench/menu/contestant.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "plugin/bench/bench_failure.h"
#include "plugin/bench/helper_programs.h"
#include "plugin/bench/menu/peer.h"
#include "plugin/bench/menu/system_calls.h"
#include "plugin/bench/menu/worker.h"

namespace samehost::bench::menu {
namespace {

using nlohmann::json;

constexpr int kPatienceSeconds = 180;
constexpr uint64_t kWarmUpMessages = 8;
constexpr double kCalibrationNs = 2e6;
constexpr uint64_t kMaxCount = 2'000'000;
constexpr uint64_t kCountedMessages = 64;

std::vector<int> AllowedCpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  ::sched_getaffinity(0, sizeof(set), &set);
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

Samples SamplesOf(const json& answer) {
  const json::binary_t& bytes = answer.at("samples").get_binary();
  std::vector<uint32_t> nanoseconds(bytes.size() / sizeof(uint32_t));
  if (!bytes.empty()) std::memcpy(nanoseconds.data(), bytes.data(), bytes.size());
  return Samples(std::move(nanoseconds));
}

double Sum(const std::vector<json>& answers, const char* field) {
  double sum = 0;
  for (const json& answer : answers) sum += answer.at(field).get<double>();
  return sum;
}

}  // namespace

Contestant::Contestant(Mechanism mechanism, std::string directory)
    : mechanism_(std::move(mechanism)), directory_(std::move(directory)) {}

template <typename Work>
void Contestant::Guard(Work work) {
  if (!running()) return;
  try {
    work();
  } catch (const ProofFailure&) {
    throw;
  } catch (const BenchFailure& failure) {
    mechanism_.missing = failure.what();
    cells_.clear();
    Stop();
  }
}

WorkerCommand Contestant::Command(const std::string& role) const {
  WorkerCommand command;
  const std::string token = "samehost-bench-" + std::to_string(::getpid()) + "-" + mechanism_.name;
  command.arguments = {RequireHelper(FileName(mechanism_.program)),
                       kWorkerCommand,
                       "--mechanism",
                       mechanism_.name,
                       "--role",
                       role,
                       "--directory",
                       directory_,
                       "--token",
                       token};
  command.environment = mechanism_.environment;
  command.patience_seconds = kPatienceSeconds;
  return command;
}

void Contestant::StartOrThrow() {
  if (mechanism_.one_process) {
    client_ = std::make_unique<WorkerProcess>(mechanism_.name, Command("both"));
  } else {
    auto [first, second] = Peer::Pair();
    for (auto* end : {&server_, &client_}) {
      const bool server = end == &server_;
      const int fd = server ? first.get() : second.get();
      WorkerCommand command = Command(server ? "server" : "client");
      command.arguments.insert(command.arguments.end(), {"--peer-fd", std::to_string(fd)});
      command.inherited_fds = {fd};
      *end = std::make_unique<WorkerProcess>(mechanism_.name + (server ? " server" : " client"),
                                             std::move(command));
    }
  }
  CallBoth({{"command", "open"}});
}

void Contestant::Start() {
  if (!mechanism_.missing.empty()) return;
  try {
    StartOrThrow();
  } catch (const BenchFailure& failure) {
    mechanism_.missing = failure.what();
    Stop();
  }
}

void Contestant::Stop() {
  client_.reset();
  server_.reset();
}

std::vector<json> Contestant::CallBoth(const json& command) {
  client_->Begin(command);
  if (server_) server_->Begin(command);
  // An end that failed exits, so that the other one fails, too; the first cause is among the two.
  std::vector<json> answers;
  std::string failures;
  for (WorkerProcess* end : {client_.get(), server_.get()}) {
    if (end == nullptr) continue;
    try {
      answers.push_back(end->Finish());
    } catch (const BenchFailure& failure) {
      failures += (failures.empty() ? "" : "; ") + std::string(failure.what());
    }
  }
  if (!failures.empty()) throw BenchFailure(failures);
  return answers;
}

std::vector<json> Contestant::Run(const RunSpec& spec) {
  return CallBoth({{"command", "run"}, {"spec", spec}});
}

void Contestant::Pin(Placement placement) {
  Guard([&] {
    const std::vector<int> cpus = AllowedCpus();
    const bool pinned = placement == Placement::kPinned && cpus.size() > 1;
    const auto pin = [&](WorkerProcess& end, const std::vector<int>& to) {
      end.Call({{"command", "pin"}, {"cpus", to}});
    };
    if (!server_) {
      pin(*client_, cpus);
      // The library's own threads go where they like.
      if (pinned) {
        client_->Call({{"command", "pin_ends"}, {"server", cpus[0]}, {"client", cpus[1]}});
      }
      return;
    }
    pin(*server_, pinned ? std::vector<int>{cpus[0]} : cpus);
    pin(*client_, pinned ? std::vector<int>{cpus[1]} : cpus);
  });
}

RunSpec Contestant::NextSpec(Task task, uint64_t warm_up, uint64_t count) {
  const RunSpec spec{.task = task,
                     .size = cells_[cell_].size,
                     .warm_up = warm_up,
                     .count = count,
                     .first = next_number_};
  next_number_ += warm_up + count;
  return spec;
}

double Contestant::Calibrate(Task task) {
  for (uint64_t count = 16;; count *= 4) {
    const double wall = Run(NextSpec(task, kWarmUpMessages, count))[0].at("wall_ns");
    if (wall >= kCalibrationNs || count >= kMaxCount / 4) return std::max(1.0, wall / count);
  }
}

uint64_t Contestant::CountFor(Task task, double seconds) {
  const auto [known, is_new] = ns_per_message_.try_emplace({cell_, task}, 0);
  if (is_new) known->second = Calibrate(task);
  const double count = seconds * 1e9 / known->second;
  return std::clamp<uint64_t>(static_cast<uint64_t>(count), 4, kMaxCount);
}

void Contestant::EnterCell(Placement placement, uint64_t size) {
  if (!running()) return;
  const auto found = std::find_if(cells_.begin(), cells_.end(), [&](const Cell& cell) {
    return cell.placement == placement && cell.size == size;
  });
  cell_ = static_cast<size_t>(found - cells_.begin());
  if (found == cells_.end()) cells_.push_back({.placement = placement, .size = size});
}

void Contestant::RunSlice(Task task, double seconds) {
  Guard([&] {
    Cell& cell = cells_[cell_];
    const uint64_t count = CountFor(task, seconds);
    const std::vector<json> answers = Run(NextSpec(task, kWarmUpMessages, count));
    const double wall = answers[0].at("wall_ns");
    // The next slice follows what the machine gave in this one, but not at once.
    double& per_message = ns_per_message_[{cell_, task}];
    per_message = (per_message + wall / count) / 2;
    if (task == Task::kOneWay) {
      cell.one_way.count += count;
      cell.one_way.cpu_ns += Sum(answers, "cpu_ns");
      cell.one_way.round_rates.push_back(count / (wall / 1e9));
      return;
    }
    const Samples samples = SamplesOf(answers[0]);
    RoundTrips& trips = cell.round_trips;
    trips.count += count;
    trips.cpu_ns += Sum(answers, "cpu_ns");
    trips.sleeps += Sum(answers, "sleeps");
    trips.round_p50_us.push_back(samples.Percentile(0.5) / 1e3);
    trips.samples.Merge(samples);
  });
}

std::vector<pid_t> Contestant::Pids() {
  std::vector<pid_t> pids;
  for (WorkerProcess* end : {client_.get(), server_.get()}) {
    if (end == nullptr) continue;
    const auto brokers = end->Call({{"command", "brokers"}}).at("pids").get<std::vector<pid_t>>();
    pids.push_back(end->pid());
    pids.insert(pids.end(), brokers.begin(), brokers.end());
  }
  return pids;
}

// The same once with few and once with more messages: what the commands themselves cost falls out.
void Contestant::CountSystemCalls() {
  Guard([&] {
    const std::vector<pid_t> pids = Pids();
    double calls[2];
    for (int i : {0, 1}) {
      const uint64_t count = 4 + i * kCountedMessages;
      SystemCallCounter counter(pids);
      if (!counter.working()) return;
      Run(NextSpec(Task::kRoundTrips, kWarmUpMessages, count));
      calls[i] = static_cast<double>(counter.Count());
    }
    cells_[cell_].system_calls = std::max(0.0, calls[1] - calls[0]) / (2 * kCountedMessages);
  });
}

void Contestant::Prove() {
  if (!running()) return;
  try {
    CallBoth({{"command", "prove"}});
  } catch (const BenchFailure& failure) {
    throw ProofFailure(mechanism_.title + ": " + failure.what());
  }
}

}  // namespace samehost::bench::menu
