// `samehost off` and `samehost on`: the machine's switch (rendezvous/switch_files.h).
#ifndef SAMEHOST_PLUGIN_CLI_SWITCH_H_
#define SAMEHOST_PLUGIN_CLI_SWITCH_H_

#include <string>
#include <vector>

#include "plugin/cli/finding.h"

namespace samehost::cli {

struct SwitchOptions {
  std::vector<std::string> exclude;  // only these addresses; empty: everything
  std::string directory;             // "": SAMEHOST_DIR, else /run/samehost
};

// The exit code. Each prints what it did.
int SwitchOff(const SwitchOptions& options);
int SwitchOn(const SwitchOptions& options);

// One line for each thing that is switched off for this user; none when nothing is.
std::vector<std::string> SwitchLines();
// For `samehost doctor`: the switch, and the machine's file of settings.
Findings CheckSwitches(const std::string& directory);

}  // namespace samehost::cli

#endif  // SAMEHOST_PLUGIN_CLI_SWITCH_H_
