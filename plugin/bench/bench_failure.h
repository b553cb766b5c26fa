// BenchFailure ends the run: a benchmark has nothing sensible to go on with after a failed system
// call, a wrong payload or a violated proof. Thrown by any thread's code, caught in main alone, so
// that worker processes and temporary files are cleaned up on the way. Used in this program only.
#ifndef SAMEHOST_PLUGIN_BENCH_BENCH_FAILURE_H_
#define SAMEHOST_PLUGIN_BENCH_BENCH_FAILURE_H_

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

namespace samehost::bench {

class BenchFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The shared memory path was not taken, or not by every call: exit code 3, no figure is shown.
class ProofFailure : public BenchFailure {
 public:
  using BenchFailure::BenchFailure;
};

[[noreturn]] inline void FailErrno(const std::string& operation, int sys_errno = errno) {
  throw BenchFailure(operation + ": " + std::strerror(sys_errno));
}

}  // namespace samehost::bench

#endif  // SAMEHOST_PLUGIN_BENCH_BENCH_FAILURE_H_
