#include "plugin/cli/dpkg_status.h"

#include <unistd.h>

#include <cstdlib>
#include <string_view>

#include "plugin/cli/proc.h"
#include "plugin/cli/regular_file.h"

namespace samehost::cli {
namespace {

constexpr size_t kMaxBytes = size_t{64} << 20;

std::string ReadAll(const std::string& path) {
  const UniqueFd fd = OpenRegularFile(path);
  std::string out;
  char buffer[65536];
  while (fd.valid() && out.size() < kMaxBytes) {
    const ssize_t got = read(fd.get(), buffer, sizeof(buffer));
    if (got <= 0) break;
    out.append(buffer, static_cast<size_t>(got));
  }
  return out;
}

// The value of "Field: value" in a paragraph; empty when it is not there.
std::string_view Field(std::string_view paragraph, std::string_view name) {
  while (!paragraph.empty()) {
    const size_t end = paragraph.find('\n');
    const std::string_view line = paragraph.substr(0, end);
    if (line.size() > name.size() && line.starts_with(name) && line[name.size()] == ':') {
      const size_t value = line.find_first_not_of(' ', name.size() + 1);
      return value == std::string_view::npos ? "" : line.substr(value);
    }
    paragraph.remove_prefix(end == std::string_view::npos ? paragraph.size() : end + 1);
  }
  return "";
}

// "Source: zeromq3 (4.3.4-6)" where it differs from the package's own version.
std::string_view SourceVersion(std::string_view paragraph) {
  const std::string_view source = Field(paragraph, "Source");
  const size_t open = source.find('(');
  const size_t close = source.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) {
    return Field(paragraph, "Version");
  }
  return source.substr(open + 1, close - open - 1);
}

}  // namespace

std::string DpkgStatusFile() {
  const char* folder = std::getenv("DPKG_ADMINDIR");
  return (folder != nullptr && *folder != 0 ? std::string(folder) : "/var/lib/dpkg") + "/status";
}

std::optional<InstalledPackage> FindInstalledPackage(const std::string& status_file,
                                                     const std::string& name) {
  const std::string all = ReadAll(status_file);
  std::string_view left = all;
  while (!left.empty()) {
    const size_t end = left.find("\n\n");
    const std::string_view paragraph = left.substr(0, end);
    left.remove_prefix(end == std::string_view::npos ? left.size() : end + 2);
    const std::string_view package = Field(paragraph, "Package");
    if (package != name && package != name + "t64") continue;
    if (!Field(paragraph, "Status").ends_with(" installed")) continue;
    return InstalledPackage{Printable(std::string(package)),
                            Printable(std::string(SourceVersion(paragraph)))};
  }
  return std::nullopt;
}

}  // namespace samehost::cli
