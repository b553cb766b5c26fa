// Counters: what tells from outside samehost and inside what carried this process's traffic.
#ifndef SAMEHOST_INTEROP_TESTS_PROGRAMS_COUNTERS_H_
#define SAMEHOST_INTEROP_TESTS_PROGRAMS_COUNTERS_H_

#include <nlohmann/json.hpp>

namespace samehost::interop {

// `network_bytes`: sent by all interfaces of this network namespace, loopback among them;
// `descriptors` and `resident_bytes` of this process; SharedMemoryCounters().
nlohmann::json Counters();

// `links_opened`, `links_live`, `messages_sent`, `messages_received`, `bytes_sent` of all links,
// and `decisions`: the latest of each address, [{address, reason, detail}], newest last. Each kind
// of program has its own way to know; a stock one has only an empty `decisions`.
nlohmann::json SharedMemoryCounters();
// For programs whose counters go with their links: notes what they are now. Any thread.
void LookAtLinks();

}  // namespace samehost::interop

#endif  // SAMEHOST_INTEROP_TESTS_PROGRAMS_COUNTERS_H_
