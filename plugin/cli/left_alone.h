// What of a process under `samehost run` cannot be served: a gRPC of another version, a libzmq that
// the program brings along, a gRPC or ZeroMQ that is part of the program or of a module. Seen from
// outside, by the files that the process has mapped; which of them are samehost's own they say
// themselves (plugin/base/library_note.h), so it does not matter which installation they belong to.
#ifndef SAMEHOST_PLUGIN_CLI_LEFT_ALONE_H_
#define SAMEHOST_PLUGIN_CLI_LEFT_ALONE_H_

#include <vector>

#include "plugin/cli/proc.h"
#include "plugin/cli/snapshot.h"

namespace samehost::cli {

// Nothing for a process that is not under `samehost run`.
std::vector<LeftAlone> FindLeftAlone(const Process& process, const std::vector<MappedFile>& files);

}  // namespace samehost::cli

#endif  // SAMEHOST_PLUGIN_CLI_LEFT_ALONE_H_
