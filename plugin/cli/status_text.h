// The snapshot as text, for people: a table of links, then what fell back and why.
#ifndef SAMEHOST_PLUGIN_CLI_STATUS_TEXT_H_
#define SAMEHOST_PLUGIN_CLI_STATUS_TEXT_H_

#include <string>
#include <vector>

#include "plugin/cli/rates.h"
#include "plugin/cli/snapshot.h"

namespace samehost::cli {

// Lines without their ends. `show_uid`: whose processes they are is of interest (root sees all).
// `width`: places of the terminal that the tables are laid out for; 0: everything is shown.
std::vector<std::string> StatusText(const Snapshot& snapshot, const Rates& rates, bool show_uid,
                                    size_t width);

// "1.5 MB", "12 k": four places at most.
std::string Amount(double value);
std::string Age(double seconds);

}  // namespace samehost::cli

#endif  // SAMEHOST_PLUGIN_CLI_STATUS_TEXT_H_
