// RunClient: what a client program does, whatever its protocol. It takes lines from stdin, and
// answers each with one line of JSON, with counters.h in it and:
//   call COUNT BYTES      calls one after the other: `statuses` {code: how often}, `servers`
//                         {name: how often}, `peer` and `peer_properties` (the client, as the last
//                         server saw it), `error` (the last)
//   kinds                 `kinds`: {case: "ok" or what was wrong}
//   start THREADS PAUSE   calls from so many threads, PAUSE milliseconds apart, until `stop`
//   tally                 what these have done so far, as for `call`
//   stop                  the same, at the end of it
//   counters              nothing else
//   patience SECONDS      how long each call waits for a server
#ifndef SAMEHOST_INTEROP_TESTS_PROGRAMS_CLIENT_H_
#define SAMEHOST_INTEROP_TESTS_PROGRAMS_CLIENT_H_

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "interop-tests/programs/flags.h"

namespace samehost::interop {

// Codes as gRPC has them.
inline constexpr int kOk = 0, kDeadlineExceeded = 4, kUnavailable = 14;

struct Outcome {
  int code = kOk;
  std::string error = {};
  // Of a call that succeeded: the server's name, and what it knows of this client.
  std::string server = {};
  std::string peer = {};
  nlohmann::json peer_properties = nlohmann::json::object();
};

// Makes calls. One thread.
class Caller {
 public:
  virtual ~Caller() = default;
  // `id`: what the server notes down. Waits for a server, and for its answer, no longer than so.
  virtual Outcome Call(const std::string& id, size_t bytes, int patience_s) = 0;
};

struct Protocol {
  std::function<std::unique_ptr<Caller>()> make_caller;
  std::function<nlohmann::json()> try_kinds;
};

// Until the end of stdin; what main() returns.
int RunClient(const Flags& flags, const Protocol& protocol);

}  // namespace samehost::interop

#endif  // SAMEHOST_INTEROP_TESTS_PROGRAMS_CLIENT_H_
