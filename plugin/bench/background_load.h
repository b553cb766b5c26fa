// BackgroundLoad: CPU-bound processes that run for as long as this object lives, as other programs
// of a busy machine do (`--background-load`). Owner: the runner of a benchmark, which makes it
// before its first thread. The processes die with the thread that made them.
#ifndef SAMEHOST_PLUGIN_BENCH_BACKGROUND_LOAD_H_
#define SAMEHOST_PLUGIN_BENCH_BACKGROUND_LOAD_H_

#include <sys/types.h>

#include <vector>

namespace samehost::bench {

class BackgroundLoad {
 public:
  // Throws BenchFailure.
  explicit BackgroundLoad(int count);
  ~BackgroundLoad();
  BackgroundLoad(const BackgroundLoad&) = delete;
  BackgroundLoad& operator=(const BackgroundLoad&) = delete;

 private:
  void End();

  std::vector<pid_t> pids_;
};

}  // namespace samehost::bench

#endif  // SAMEHOST_PLUGIN_BENCH_BACKGROUND_LOAD_H_
