// Counters: what tells from outside samehost and inside what carried this process's traffic.
#ifndef SAMEHOST_INTEROP_TESTS_PROGRAMS_COUNTERS_H_
#define SAMEHOST_INTEROP_TESTS_PROGRAMS_COUNTERS_H_

#include <nlohmann/json.hpp>

namespace samehost::interop {

// `links_opened`, `links_live`, `messages_sent`, ...: samehost::Stats; `decisions`: the latest of
// each address, [{address, reason, detail}], newest last; a program without samehost has none.
// `network_bytes`: sent by all interfaces of this network namespace, loopback among them;
// `descriptors` and `resident_bytes` of this process.
nlohmann::json Counters();

}  // namespace samehost::interop

#endif  // SAMEHOST_INTEROP_TESTS_PROGRAMS_COUNTERS_H_
