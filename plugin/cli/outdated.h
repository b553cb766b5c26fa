// Whether the distribution's library has had an update, a security update perhaps, since samehost's
// was built from its source or against it.
#ifndef SAMEHOST_PLUGIN_CLI_OUTDATED_H_
#define SAMEHOST_PLUGIN_CLI_OUTDATED_H_

#include <optional>
#include <string>
#include <vector>

#include "plugin/cli/dpkg_status.h"
#include "plugin/cli/installation.h"

namespace samehost::cli {

// What one of samehost's libraries was built from, and what dpkg has installed of that.
struct BuiltFrom {
  std::string library;  // "grpc", "zmq"
  std::string path;     // samehost's
  std::string source;   // version of the source package; empty: the library does not say
  std::optional<InstalledPackage> installed;

  // Both are known, and the installed one is newer.
  bool IsOutdated() const;
};

// For each library of this installation that is there. Reads the two files and dpkg's status file.
std::vector<BuiltFrom> FindBuiltFrom(const Installation& installation);

// Those of them that IsOutdated(). Looked up once in the life of this process.
const std::vector<BuiltFrom>& FindOutdated();

// One sentence for a user, for a library that IsOutdated().
std::string WhatIsMissing(const BuiltFrom& library);

}  // namespace samehost::cli

#endif  // SAMEHOST_PLUGIN_CLI_OUTDATED_H_
