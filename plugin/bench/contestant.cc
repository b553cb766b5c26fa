#include "plugin/bench/contestant.h"

#include <sched.h>

#include <algorithm>
#include <cstring>

#include "plugin/bench/bench_failure.h"
#include "plugin/bench/clock.h"

namespace samehost::bench {
namespace {

using nlohmann::json;

constexpr uint64_t kWarmUpNs = 50'000'000;
constexpr uint64_t kWarmUpOperations = 200;
// For all clients to receive their command before the first of them begins.
constexpr uint64_t kStartDelayNs = 20'000'000;

constexpr uint64_t kCountersLagNs = 500'000'000;

// The index-th CPU that this process may use; the last one if there are fewer.
int AllowedCpu(int index) {
  cpu_set_t set;
  CPU_ZERO(&set);
  ::sched_getaffinity(0, sizeof(set), &set);
  int found = 0;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &set)) continue;
    found = cpu;
    if (index-- == 0) break;
  }
  return found;
}

WorkerOptions OptionsFor(const Case& what, Pinning pinning, bool client) {
  WorkerOptions options{.raised_allocator = what.raised_allocator,
                        .single_arena = what.kind == CaseKind::kIdle};
  if (pinning != Pinning::kNone) {
    options.cpu = AllowedCpu(client && pinning == Pinning::kSplit ? 1 : 0);
  }
  return options;
}

Samples SamplesOf(const json& answer) {
  const json::binary_t& bytes = answer.at("samples").get_binary();
  std::vector<uint32_t> nanoseconds(bytes.size() / sizeof(uint32_t));
  if (!bytes.empty()) std::memcpy(nanoseconds.data(), bytes.data(), bytes.size());
  return Samples(std::move(nanoseconds));
}

json Sum(const std::vector<json>& links) {
  json sum = json::object();
  for (const json& link : links) {
    for (const auto& [name, value] : link.items()) {
      sum[name] = sum.value(name, uint64_t{0}) + value.get<uint64_t>();
    }
  }
  return sum;
}

}  // namespace

double Row::Rate() const {
  if (round_rates.empty()) return -1;
  std::vector<double> sorted = round_rates;
  std::sort(sorted.begin(), sorted.end());
  const size_t middle = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

Contestant::Contestant(const Case& what, Transport transport, const RunOptions& options)
    : case_(what) {
  row_.transport = transport;
  const std::string& executable =
      transport == Transport::kSamehost ? options.samehost_executable : options.stock_executable;
  const std::string role = std::string(Name(transport));
  // One process on two CPUs is the in-process row's nature: it is never split.
  const Pinning pinning =
      in_process() && options.pinning == Pinning::kSplit ? Pinning::kNone : options.pinning;
  server_ = std::make_unique<WorkerProcess>(executable, role + " server",
                                            OptionsFor(what, pinning, false));
  target_ = server_
                ->Call({{"command", "serve"},
                        {"transport", Name(transport)},
                        {"directory", options.directory},
                        {"callback", what.callback_server},
                        {"handler_wait_us", what.handler_wait_us}})
                .at("target");
  if (in_process()) {
    clients_ = {server_.get()};
    Connect(*server_, what.client_processes);
    return;
  }
  for (int i = 0; i < what.client_processes; ++i) {
    own_clients_.push_back(std::make_unique<WorkerProcess>(executable, role + " client",
                                                           OptionsFor(what, pinning, true)));
    clients_.push_back(own_clients_.back().get());
    Connect(*clients_.back(), 1);
  }
}

void Contestant::Connect(WorkerProcess& client, int channels) {
  client.Call({{"command", "connect"},
               {"transport", Name(row_.transport)},
               {"target", target_},
               {"channels", channels}});
}

void Contestant::ConnectMore(int channels) { Connect(*clients_[0], channels); }

void Contestant::RunUncounted(const LoadSpec& spec, int channel) {
  clients_[0]->Call({{"command", "load"}, {"spec", spec}, {"channel", channel}});
}

std::vector<json> Contestant::RunClients(const LoadSpec& spec) {
  LoadSpec timed = spec;
  if (clients_.size() > 1) timed.start_at_ns = NowNs() + kStartDelayNs;
  // One process stands for several clients by as many threads, each with a channel of its own.
  if (in_process()) timed.threads *= case_.client_processes;
  for (WorkerProcess* client : clients_) client->Begin({{"command", "load"}, {"spec", timed}});
  std::vector<json> answers;
  for (WorkerProcess* client : clients_) answers.push_back(client->Finish());
  return answers;
}

std::vector<json> Contestant::ClientFacts() {
  std::vector<json> facts;
  for (const auto& client : own_clients_) facts.push_back(client->Call({{"command", "facts"}}));
  return facts;
}

void Contestant::RunSlice(double seconds) {
  LoadSpec warm_up = case_.spec;
  warm_up.duration_ns = kWarmUpNs;
  warm_up.max_operations = kWarmUpOperations;
  warm_up.check_every_byte = true;
  RunClients(warm_up);

  SliceEvidence evidence{.transport = row_.transport, .body_bytes = case_.spec.size};
  std::vector<json> clients_before = ClientFacts();
  evidence.server.before = server_->Call({{"command", "facts"}});
  LoadSpec spec = case_.spec;
  spec.duration_ns = static_cast<uint64_t>(seconds * 1e9);
  const uint64_t server_cpu = server_->CpuNs();
  const std::vector<json> answers = RunClients(spec);
  // In-process the client's own account, which ends before its samples are sent, has both sides.
  uint64_t cpu_ns = in_process() ? 0 : server_->CpuNs() - server_cpu;
  for (json& before : clients_before) evidence.clients.push_back({std::move(before), {}});

  Samples samples;
  uint64_t wall_ns = 0;
  for (const json& answer : answers) {
    const uint64_t operations = answer.at("operations");
    evidence.operations += operations;
    evidence.client_operations.push_back(operations);
    wall_ns = std::max(wall_ns, answer.at("wall_ns").get<uint64_t>());
    cpu_ns += answer.at("cpu_ns").get<uint64_t>();
    samples.Merge(SamplesOf(answer));
  }
  Prove(evidence);
  row_.operations += evidence.operations;
  row_.seconds += wall_ns / 1e9;
  row_.cpu_seconds += cpu_ns / 1e9;
  row_.round_p50_us.push_back(samples.Percentile(0.5) / 1e3);
  row_.round_rates.push_back(evidence.operations / (wall_ns / 1e9));
  row_.samples.Merge(samples);
}

// A sender may count its last message a moment after the receiver has answered it.
void Contestant::Prove(SliceEvidence& evidence) {
  const uint64_t give_up = NowNs() + kCountersLagNs;
  while (true) {
    evidence.server.after = server_->Call({{"command", "facts"}});
    std::vector<json> clients = ClientFacts();
    for (size_t i = 0; i < clients.size(); ++i) evidence.clients[i].after = std::move(clients[i]);
    try {
      return ProveSlice(evidence);
    } catch (const ProofFailure&) {
      if (NowNs() > give_up) throw;
    }
  }
}

uint64_t Contestant::CpuNs() const {
  uint64_t sum = server_->CpuNs();
  for (const auto& client : own_clients_) sum += client->CpuNs();
  return sum;
}

std::vector<pid_t> Contestant::Pids() const {
  std::vector<pid_t> pids = {server_->pid()};
  for (const auto& client : own_clients_) pids.push_back(client->pid());
  return pids;
}

void Contestant::TrimHeaps() {
  server_->Call({{"command", "trim"}});
  for (const auto& client : own_clients_) client->Call({{"command", "trim"}});
}

Row Contestant::TakeRow() {
  row_.server_link = server_->Call({{"command", "facts"}}).at("link");
  std::vector<json> links;
  for (json& facts : ClientFacts()) links.push_back(std::move(facts.at("link")));
  row_.client_link = Sum(links);
  return std::move(row_);
}

}  // namespace samehost::bench
