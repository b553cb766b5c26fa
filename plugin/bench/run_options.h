// What the user chose on the command line of `samehost-bench grpc`.
#ifndef SAMEHOST_PLUGIN_BENCH_RUN_OPTIONS_H_
#define SAMEHOST_PLUGIN_BENCH_RUN_OPTIONS_H_

#include <string>
#include <vector>

#include "plugin/bench/transport.h"

namespace samehost::bench {

enum class Pinning {
  kNone,   // wherever the kernel likes: the default
  kSplit,  // servers on the first CPU we may use, clients on the second
  kSame,   // all on the first
};

struct RunOptions {
  std::vector<std::string> cases;  // empty: all
  std::vector<Transport> transports;
  double seconds = 3;  // of load for each case and transport, over all rounds
  int rounds = 20;
  Pinning pinning = Pinning::kNone;
  int background_load = 0;  // CPU-bound processes beside it
  std::string json_file;    // empty: none

  std::string samehost_executable;  // has samehost in it
  std::string stock_executable;     // for all other rows; the same one with --same-executable
  std::string link_executable;      // for case `link`
  std::string directory;            // temporary, for sockets
};

}  // namespace samehost::bench

#endif  // SAMEHOST_PLUGIN_BENCH_RUN_OPTIONS_H_
