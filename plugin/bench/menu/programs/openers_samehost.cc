// Ends that samehost-bench can hold: samehost's gRPC.
#include "plugin/bench/menu/adapters/adapters.h"
#include "plugin/bench/menu/programs/opener_table.h"

namespace samehost::bench::menu {

Opener FindOpener(const std::string& mechanism) {
  return mechanism == "grpc_samehost" ? OpenGrpcSamehost : nullptr;
}

}  // namespace samehost::bench::menu
