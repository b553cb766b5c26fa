// The snapshot as JSON, for programs (docs/cli.md describes the fields).
#ifndef SAMEHOST_PLUGIN_CLI_STATUS_JSON_H_
#define SAMEHOST_PLUGIN_CLI_STATUS_JSON_H_

#include <string>

#include "plugin/cli/rates.h"
#include "plugin/cli/snapshot.h"

namespace samehost::cli {

std::string StatusJson(const Snapshot& snapshot, const Rates& rates);

}  // namespace samehost::cli

#endif  // SAMEHOST_PLUGIN_CLI_STATUS_JSON_H_
