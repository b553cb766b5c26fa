#include "plugin/bench/known_names.h"

#include <algorithm>
#include <numeric>

namespace samehost::bench {
namespace {

// Letters to insert, delete or replace to get from one to the other.
size_t Distance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, replaced});
    }
  }
  return row.back();
}

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

}  // namespace

std::string NearestName(const std::string& word, const std::vector<std::string>& known) {
  std::string nearest;
  size_t fewest = std::max<size_t>(2, word.size() / 3) + 1;
  for (const std::string& name : known) {
    // Whoever types the beginning of a name means it.
    const bool begins = word.size() >= 3 && name.starts_with(word);
    const size_t distance = begins ? 1 : Distance(word, name);
    if (distance >= fewest) continue;
    fewest = distance;
    nearest = name;
  }
  return nearest;
}

std::string UnknownName(const std::string& kind, const std::string& word,
                        const std::vector<std::string>& known, const std::string& list) {
  std::string text = "there is no " + kind + " \"" + word + "\"";
  const std::string nearest = NearestName(word, known);
  text += nearest.empty() ? ". " : "; did you mean " + nearest + "? ";
  return text + (list.empty() ? "There are: " + Joined(known) : "`" + list + "` lists them all");
}

CLI::Validator OneOf(const std::string& kind, std::vector<std::string> known,
                     const std::string& list) {
  const auto check = [kind, known = std::move(known), list](const std::string& word) {
    const bool found = std::find(known.begin(), known.end(), word) != known.end();
    return found ? std::string() : UnknownName(kind, word, known, list);
  };
  return CLI::Validator(check, "", kind);
}

}  // namespace samehost::bench
