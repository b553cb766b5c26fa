// Where the parts of samehost lie that the command needs: beside it, as they were installed, or in
// the build tree.
#ifndef SAMEHOST_PLUGIN_CLI_INSTALLATION_H_
#define SAMEHOST_PLUGIN_CLI_INSTALLATION_H_

#include <string>

namespace samehost::cli {

// Whether this samehost was built with gRPC (SAMEHOST_GRPC). Without it, the first two are missing
// and that is nothing to complain of.
#ifdef SAMEHOST_WITHOUT_GRPC
inline constexpr bool kWithGrpc = false;
#else
inline constexpr bool kWithGrpc = true;
#endif

struct Installation {
  std::string preload;     // libsamehost-preload.so; empty: not there
  std::string grpc;        // the library that it loads; empty: not there
  std::string zmq_folder;  // holds a libzmq.so.5 of samehost's; empty: not there
};

Installation FindInstallation();

inline constexpr char kPreloadName[] = "libsamehost-preload.so";

}  // namespace samehost::cli

#endif  // SAMEHOST_PLUGIN_CLI_INSTALLATION_H_
