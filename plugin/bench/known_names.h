// Names that a user types (cases, transports, mechanisms, commands): an unknown one is answered
// with the nearest that there is. Pure.
#ifndef SAMEHOST_PLUGIN_BENCH_KNOWN_NAMES_H_
#define SAMEHOST_PLUGIN_BENCH_KNOWN_NAMES_H_

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace samehost::bench {

// The name of `known` that `word` is most likely a slip of; empty when none is close.
std::string NearestName(const std::string& word, const std::vector<std::string>& known);

// `there is no KIND "WORD"`, the nearest name and how to see all of them (`list`: a command, or
// empty: all are told).
std::string UnknownName(const std::string& kind, const std::string& word,
                        const std::vector<std::string>& known, const std::string& list);

// For an option: accepts only the known names.
CLI::Validator OneOf(const std::string& kind, std::vector<std::string> known,
                     const std::string& list);

}  // namespace samehost::bench

#endif  // SAMEHOST_PLUGIN_BENCH_KNOWN_NAMES_H_
