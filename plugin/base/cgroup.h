// Where this process stands in the cgroup tree, version 1 or 2 (or both mounted at once).
// Any thread. Never fails: what cannot be read is simply not there.
#ifndef SAMEHOST_PLUGIN_BASE_CGROUP_H_
#define SAMEHOST_PLUGIN_BASE_CGROUP_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace samehost {

struct CgroupChain {
  bool unified = false;  // version 2
  // Own directory first, then each ancestor up to the mount point. Empty: no such controller.
  std::vector<std::string> directories;
};

// The chain for `controller` ("memory", "cpu"). `root` is put before every path (tests).
CgroupChain FindCgroup(std::string_view controller, const std::string& root = "");

// The file's text, or nothing when it cannot be read. At most 64 KiB.
std::optional<std::string> ReadSmallFile(const std::string& path);
// The file's first word as a number; "max" and what is not there are nothing.
std::optional<uint64_t> ReadNumber(const std::string& path);
// The number behind `key` in lines of "key value" or "key: value"; `text` may have many lines.
std::optional<uint64_t> FindNumber(std::string_view text, std::string_view key);

}  // namespace samehost

#endif  // SAMEHOST_PLUGIN_BASE_CGROUP_H_
