// Hogs: processes that compute for as long as this object lives, as other programs on a busy
// machine do. Owner: whoever runs a benchmark; made before its first thread. They die with the
// thread that made them.
#ifndef SAMEHOST_PLUGIN_BENCH_HOGS_H_
#define SAMEHOST_PLUGIN_BENCH_HOGS_H_

#include <sys/types.h>

#include <vector>

namespace samehost::bench {

class Hogs {
 public:
  // Throws BenchFailure.
  explicit Hogs(int count);
  ~Hogs();
  Hogs(const Hogs&) = delete;
  Hogs& operator=(const Hogs&) = delete;

 private:
  void End();

  std::vector<pid_t> pids_;
};

}  // namespace samehost::bench

#endif  // SAMEHOST_PLUGIN_BENCH_HOGS_H_
