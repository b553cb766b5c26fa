// Contestant: one transport in one case. Owns fresh worker processes for it (a server and its
// clients; a single one in-process), runs its slices of the rounds and gathers their results. Idle
// between slices. One thread; throws BenchFailure, ProofFailure.
#ifndef SAMEHOST_PLUGIN_BENCH_CONTESTANT_H_
#define SAMEHOST_PLUGIN_BENCH_CONTESTANT_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "plugin/bench/cases.h"
#include "plugin/bench/proof.h"
#include "plugin/bench/run_options.h"
#include "plugin/bench/samples.h"
#include "plugin/bench/transport.h"
#include "plugin/bench/worker_process.h"

namespace samehost::bench {

// A row of the report. Loads fill the first part, the idle case the second.
struct Row {
  Transport transport = Transport::kStockUnix;
  Samples samples;
  uint64_t operations = 0;
  double seconds = 0;                       // of load
  double cpu_seconds = 0;                   // client and server together, during load
  std::vector<double> round_p50_us;         // one a slice, to show how much it wavers
  std::vector<double> round_rates;          // operations per second, one a slice
  nlohmann::json client_link, server_link;  // link counters at the end, summed over the clients

  double P50Us() const { return samples.Percentile(0.5) / 1e3; }
  double P99Us() const { return samples.Percentile(0.99) / 1e3; }
  double P999Us() const { return samples.Percentile(0.999) / 1e3; }
  // Operations per second: the median slice's, which a single stalled call cannot spoil.
  double Rate() const;
  double CpuUs() const { return cpu_seconds * 1e6 / operations; }

  double idle_cpu_percent = -1;  // client and server together; 100 is one CPU
  double segment_kib = -1;       // Pss of the link's segment in both processes
  double counted_kib = -1;       // Stats().memory_bytes, the larger of both sides
  double growth_kib = -1;        // Pss of both processes for each further connection
};

class Contestant {
 public:
  // Starts the processes and connects.
  Contestant(const Case& what, Transport transport, const RunOptions& options);

  // Warms up, checking every byte, then measures for `seconds`.
  void RunSlice(double seconds);

  // For the idle case.
  void ConnectMore(int channels);
  void RunUncounted(const LoadSpec& spec, int channel);
  uint64_t CpuNs() const;  // of all processes so far
  std::vector<pid_t> Pids() const;
  void TrimHeaps();

  Row TakeRow();

 private:
  void Connect(WorkerProcess& client, int channels);
  nlohmann::json LoadCommand(LoadSpec spec, uint64_t start_at_ns) const;
  // Has all clients run `spec`; returns their answers.
  std::vector<nlohmann::json> RunClients(const LoadSpec& spec);
  std::vector<nlohmann::json> ClientFacts();
  // Reads the counters after the slice and throws if they do not add up.
  void Prove(SliceEvidence& evidence);
  bool in_process() const { return row_.transport == Transport::kInProcess; }

  const Case& case_;
  std::string target_;
  std::unique_ptr<WorkerProcess> server_;
  std::vector<std::unique_ptr<WorkerProcess>> own_clients_;  // none in-process
  std::vector<WorkerProcess*> clients_;                      // the server itself in-process
  Row row_;
};

}  // namespace samehost::bench

#endif  // SAMEHOST_PLUGIN_BENCH_CONTESTANT_H_
