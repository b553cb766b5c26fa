// An explanation in words, and as JSON.
#ifndef SAMEHOST_PLUGIN_CLI_EXPLAIN_TEXT_H_
#define SAMEHOST_PLUGIN_CLI_EXPLAIN_TEXT_H_

#include <string>

#include "plugin/cli/explain.h"

namespace samehost::cli {

std::string ExplanationText(const Explanation& explanation);
std::string ExplanationJson(const Explanation& explanation);

}  // namespace samehost::cli

#endif  // SAMEHOST_PLUGIN_CLI_EXPLAIN_TEXT_H_
