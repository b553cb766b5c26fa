#include "plugin/cli/outdated.h"

#include <cctype>
#include <utility>

#include "plugin/cli/debian_version.h"
#include "plugin/cli/elf_file.h"
#include "plugin/cli/regular_file.h"

namespace samehost::cli {
namespace {

// Debian's name for the package of a library: "libgrpc.so.29" is in libgrpc29, "libfoo2.so.1" in
// libfoo2-1.
std::string PackageOf(const std::string& soname) {
  const size_t so = soname.find(".so.");
  if (so == std::string::npos || so == 0) return soname;
  const bool ends_in_digit = std::isdigit(static_cast<unsigned char>(soname[so - 1])) != 0;
  return soname.substr(0, so) + (ends_in_digit ? "-" : "") + soname.substr(so + 4);
}

void Add(const std::string& path, const std::string& soname, std::vector<BuiltFrom>* out) {
  const UniqueFd fd = OpenRegularFile(path);
  if (!fd.valid()) return;
  const auto note = ElfFile::FromDescriptor(fd.get()).FindNote();
  if (!note) return;
  out->push_back({note->library, path, note->source,
                  FindInstalledPackage(DpkgStatusFile(), PackageOf(soname))});
}

}  // namespace

bool BuiltFrom::IsOutdated() const {
  return !source.empty() && installed.has_value() &&
         CompareDebianVersions(installed->source_version, source) > 0;
}

std::vector<BuiltFrom> FindBuiltFrom(const Installation& installation) {
  std::vector<BuiltFrom> out;
  if (!installation.grpc.empty()) Add(installation.grpc, SAMEHOST_GRPC_SONAME, &out);
  if (!installation.zmq_folder.empty()) {
    Add(installation.zmq_folder + "/libzmq.so.5", "libzmq.so.5", &out);
  }
  return out;
}

const std::vector<BuiltFrom>& FindOutdated() {
  static const auto* outdated = [] {
    auto* out = new std::vector<BuiltFrom>();
    for (BuiltFrom& library : FindBuiltFrom(FindInstallation())) {
      if (library.IsOutdated()) out->push_back(std::move(library));
    }
    return out;
  }();
  return *outdated;
}

std::string WhatIsMissing(const BuiltFrom& library) {
  const std::string newer = "the installed " + library.installed->name + " is " +
                            library.installed->source_version + ", " + library.path + " was built ";
  if (library.library == "zmq") {
    return newer + "from " + library.source + " and lacks what was mended since";
  }
  return newer + "for " + library.source;
}

}  // namespace samehost::cli
