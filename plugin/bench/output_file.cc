#include "plugin/bench/output_file.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "plugin/bench/bench_failure.h"

namespace samehost::bench {

void WriteOutput(const std::string& file, const std::string& text) {
  if (file.empty()) return;
  std::ofstream out(file);
  out << text;
  out.close();
  if (!out) FailErrno("cannot write " + file);
}

void RequireWritable(const std::string& file) {
  if (file.empty()) return;
  const bool there = ::access(file.c_str(), F_OK) == 0;
  std::filesystem::path place = file;
  if (!there) place = std::filesystem::absolute(place).parent_path();
  if (::access(place.c_str(), W_OK) != 0) FailErrno("cannot write " + file);
}

}  // namespace samehost::bench
