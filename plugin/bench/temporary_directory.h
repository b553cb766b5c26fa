// TemporaryDirectory: a fresh directory for sockets and files, removed with all that is in it.
// Throws BenchFailure.
#ifndef SAMEHOST_PLUGIN_BENCH_TEMPORARY_DIRECTORY_H_
#define SAMEHOST_PLUGIN_BENCH_TEMPORARY_DIRECTORY_H_

#include <cstdlib>
#include <filesystem>
#include <string>

#include "plugin/bench/bench_failure.h"

namespace samehost::bench {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = std::filesystem::temp_directory_path() / "samehost-bench-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) FailErrno("mkdtemp " + pattern);
    path_ = pattern;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace samehost::bench

#endif  // SAMEHOST_PLUGIN_BENCH_TEMPORARY_DIRECTORY_H_
