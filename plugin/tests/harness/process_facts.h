// What /proc says about a process: descriptors, shared-memory mappings, threads, memory.
// All answer 0 / empty for a process that is gone.
#ifndef SAMEHOST_PLUGIN_TESTS_HARNESS_PROCESS_FACTS_H_
#define SAMEHOST_PLUGIN_TESTS_HARNESS_PROCESS_FACTS_H_

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <vector>

namespace samehost::testing {

// What each descriptor points to ("socket:[123]", "/memfd:samehost (deleted)"), unordered.
std::vector<std::string> Descriptors(pid_t pid);
// Mappings and descriptors of memfds whose name begins with "samehost".
size_t SamehostMappings(pid_t pid);
size_t SamehostDescriptors(pid_t pid);
size_t Threads(pid_t pid);
// Resident bytes, shared memory included / not included.
size_t ResidentBytes(pid_t pid);
size_t AnonymousBytes(pid_t pid);
// State letter of /proc/PID/stat: 'R', 'S', 'T', 'Z'; 0 when gone.
char State(pid_t pid);
// Children of the process (any of its threads).
std::vector<pid_t> Children(pid_t pid);

struct ProcessFacts {
  size_t descriptors = 0, samehost_descriptors = 0, samehost_mappings = 0, threads = 0;
};
ProcessFacts FactsOf(pid_t pid);

}  // namespace samehost::testing

#endif  // SAMEHOST_PLUGIN_TESTS_HARNESS_PROCESS_FACTS_H_
