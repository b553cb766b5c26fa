#include "plugin/cli/nearest.h"

#include <algorithm>

namespace samehost::cli {
namespace {

// The optimal string alignment distance: a letter more, less or changed, or two neighbours swapped.
size_t Distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> cost(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t changed = a[i - 1] == b[j - 1] ? 0 : 1;
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + changed});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
      }
    }
  }
  return cost[a.size()][b.size()];
}

}  // namespace

std::string Nearest(std::string_view word, const std::vector<std::string>& known) {
  constexpr size_t kLongest = 64;  // nobody mistypes that much
  if (word.empty() || word.size() > kLongest) return "";
  std::string best;
  // One change in three letters is a slip, more is another word.
  size_t least = std::max<size_t>(word.size() / 3, 1) + 1;
  for (const std::string& one : known) {
    const bool begins = word.size() >= 2 && one.substr(0, word.size()) == word;
    const size_t distance = begins ? 1 : Distance(word, one);
    if (distance >= least) continue;
    least = distance;
    best = one;
  }
  return best;
}

std::string DidYouMean(std::string_view word, const std::vector<std::string>& known) {
  const std::string nearest = Nearest(word, known);
  return nearest.empty() ? "" : "; did you mean " + nearest + "?";
}

}  // namespace samehost::cli
