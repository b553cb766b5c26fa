// The machine's switch: files in a rendezvous directory by which an administrator takes running
// processes off shared memory, and lets them back (`samehost off` and `samehost on` write them).
//
//   /run/samehost/off        there: nothing of this directory's users goes through shared memory
//   /run/samehost/exclude    addresses that do not, one a line, as in SAMEHOST_EXCLUDE
//
// A file counts if it is a regular file of root's that others may not write to. In a directory of
// this process's own user that user's file counts as well. What does not count is ignored, and why
// is in `ignored`. Looked at are /run/samehost, whatever directory the process uses, and every base
// directory that it looks into (directory.h); any of them switches off.
//
// Plain functions, any thread. Where there is no such file a look costs two failing stat() calls a
// directory.
#ifndef SAMEHOST_PLUGIN_RENDEZVOUS_SWITCH_FILES_H_
#define SAMEHOST_PLUGIN_RENDEZVOUS_SWITCH_FILES_H_

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/base/result.h"

namespace samehost::rendezvous {

inline constexpr char kOffFile[] = "off";
inline constexpr char kExcludeFile[] = "exclude";
// How often a process that has links looks.
inline constexpr std::chrono::milliseconds kSwitchInterval{2000};

struct SwitchFiles {
  struct Exclusion {
    std::string item;  // "127.0.0.1:50051", ":2379", "unix:/run/app.sock"
    std::string path;  // of the file that says so
  };
  std::string off;  // the path of the file that switches everything off, or ""
  std::vector<Exclusion> excluded;
  std::vector<std::string> ignored;  // a sentence for each file that does not count
};

// `configured`: Options::directory.
SwitchFiles ReadSwitchFiles(const std::string& configured);

// The same, at most kSwitchInterval / 2 old: for a process that looks for each of its links.
std::shared_ptr<const SwitchFiles> RecentSwitchFiles(const std::string& configured);
// Until the next look. Equal for all links of the machine, so that one wake-up of a thread serves
// all that it has.
std::chrono::milliseconds UntilNextLook();

// Writes a switch file of `directory` (made where it is missing), in place of what is there.
Status WriteSwitchFile(const std::string& directory, const char* name, std::string_view content);
// False: it was not there.
Result<bool> RemoveSwitchFile(const std::string& directory, const char* name);

}  // namespace samehost::rendezvous

#endif  // SAMEHOST_PLUGIN_RENDEZVOUS_SWITCH_FILES_H_
