// Which version of a package dpkg has installed, from its status file, without calling a program.
#ifndef SAMEHOST_PLUGIN_CLI_DPKG_STATUS_H_
#define SAMEHOST_PLUGIN_CLI_DPKG_STATUS_H_

#include <optional>
#include <string>

namespace samehost::cli {

struct InstalledPackage {
  std::string name;
  // Of the source package, as a debian/changelog has it: a rebuild of the same source (+b1) is not
  // another version.
  std::string source_version;
};

// The file of the running system, where the environment (DPKG_ADMINDIR) does not say otherwise.
std::string DpkgStatusFile();

// The first installed package whose name is `name`, or `name` with the suffix t64 (Debian's
// libraries with a 64-bit time_t). Nothing when there is none, or no readable status file: not
// every system has dpkg. At most 64 MiB are read. Any thread.
std::optional<InstalledPackage> FindInstalledPackage(const std::string& status_file,
                                                     const std::string& name);

}  // namespace samehost::cli

#endif  // SAMEHOST_PLUGIN_CLI_DPKG_STATUS_H_
