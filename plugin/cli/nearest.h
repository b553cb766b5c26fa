// Nearest: which of the known words a user may have meant by one that is not known.
#ifndef SAMEHOST_PLUGIN_CLI_NEAREST_H_
#define SAMEHOST_PLUGIN_CLI_NEAREST_H_

#include <string>
#include <string_view>
#include <vector>

namespace samehost::cli {

// The word that takes the fewest changes of a letter (one more, one less, another, two swapped), or
// the shortest that `word` begins; empty when nothing is near.
std::string Nearest(std::string_view word, const std::vector<std::string>& known);

// "; did you mean NEAREST?", or nothing.
std::string DidYouMean(std::string_view word, const std::vector<std::string>& known);

}  // namespace samehost::cli

#endif  // SAMEHOST_PLUGIN_CLI_NEAREST_H_
