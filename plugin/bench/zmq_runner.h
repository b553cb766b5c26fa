// `samehost-bench zmq`: ZeroMQ over stock ipc, stock tcp, inproc and samehost, interleaved.
//
// Single-threaded. Throws BenchFailure when a worker fails, ProofFailure when shared memory did not
// carry the messages of a samehost row, or carried those of another.
#ifndef SAMEHOST_PLUGIN_BENCH_ZMQ_RUNNER_H_
#define SAMEHOST_PLUGIN_BENCH_ZMQ_RUNNER_H_

#include <cstdio>
#include <string>
#include <vector>

namespace samehost::bench {

struct ZmqOptions {
  std::vector<std::string> cases;  // empty: all
  double seconds = 2;              // of load for each row, over all rounds
  int rounds = 4;
  int background_load = 0;  // CPU-bound processes beside it
  std::string json_file;    // empty: none
  std::string worker;       // samehost-bench-zmq-worker
  std::string library;      // folder of samehost's libzmq.so.5
};

std::vector<std::string> ZmqCaseNames();
void ListZmqCases(std::FILE* out);
void RunZmqBenchmark(const ZmqOptions& options);

}  // namespace samehost::bench

#endif  // SAMEHOST_PLUGIN_BENCH_ZMQ_RUNNER_H_
