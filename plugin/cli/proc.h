// What /proc says about other processes. Their cooperation is not needed: a stopped one answers as
// well. Plain functions, any thread; whatever has gone, or is not for this user to see, is left
// out.
#ifndef SAMEHOST_PLUGIN_CLI_PROC_H_
#define SAMEHOST_PLUGIN_CLI_PROC_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace samehost::cli {

struct Process {
  pid_t pid = 0;        // as this command sees it
  pid_t inner_pid = 0;  // as the process sees itself (another PID namespace)
  uid_t uid = 0;        // effective
  char state = '?';     // letter of /proc/PID/stat: R, S, D, T (stopped), t, Z
  std::string name;     // printable
  bool is_kernel_thread = false;
};

// All processes but zombies and kernel threads.
std::vector<Process> ListProcesses();
std::optional<Process> ReadProcess(pid_t pid);
// Whether there is such a process and it has not ended.
bool IsAlive(pid_t pid);

// The file that the process runs; empty when this user may not look.
std::string ProgramOf(pid_t pid);

struct Descriptor {
  int number = -1;
  std::string target;  // "/memfd:samehost-link (deleted)"
};
// Empty, and `*readable` false, when this user may not look.
std::vector<Descriptor> ListDescriptors(pid_t pid, bool* readable);

// The memfd's name in a descriptor's or mapping's target; "" when it is none.
std::string MemfdName(const std::string& target);

struct MappedFile {
  uint64_t start = 0;
  uint64_t offset = 0;
  uint64_t device = 0;
  uint64_t inode = 0;
  std::string path;
};
// Named mappings, each file only with its lowest offset.
std::vector<MappedFile> ListMappedFiles(pid_t pid);

// Only printable ASCII: what processes say of themselves ends up on terminals.
std::string Printable(std::string text);

}  // namespace samehost::cli

#endif  // SAMEHOST_PLUGIN_CLI_PROC_H_
