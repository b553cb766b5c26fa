// `samehost metrics`: the snapshot as Prometheus text exposition, for node_exporter's textfile
// collector.
#ifndef SAMEHOST_PLUGIN_CLI_METRICS_H_
#define SAMEHOST_PLUGIN_CLI_METRICS_H_

#include <string>

#include "plugin/cli/snapshot.h"

namespace samehost::cli {

// Text format 0.0.4. A link's series carry its address, protocol, processes and id, and end with
// it.
std::string MetricsText(const Snapshot& snapshot);

// Prints them, or replaces `file` by them at once (the collector never reads half a file). The exit
// code.
int Metrics(const std::string& file);

}  // namespace samehost::cli

#endif  // SAMEHOST_PLUGIN_CLI_METRICS_H_
