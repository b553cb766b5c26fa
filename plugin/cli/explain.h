// `samehost explain ADDRESS`: goes the way that a client goes to an address, through the same code,
// and says what it finds. The server is asked and answers as it would answer a client; no
// connection is left behind.
#ifndef SAMEHOST_PLUGIN_CLI_EXPLAIN_H_
#define SAMEHOST_PLUGIN_CLI_EXPLAIN_H_

#include <string>
#include <vector>

#include "plugin/rendezvous/fallback_reason.h"
#include "plugin/rendezvous/trace.h"

namespace samehost::cli {

struct ExplainOptions {
  std::string address;
  std::string credentials = "insecure";  // of the client: insecure, local, tls
  bool replace_tls = false;
  bool json = false;
  std::string directory;  // "": as the environment says
};

// What was found out about one socket address.
struct AddressReport {
  std::string address;
  std::vector<rendezvous::TraceStep> steps;
  Fallback outcome;          // kNone: shared memory
  bool no_listener = false;  // no socket either: a client goes on to the next address
};

struct Explanation {
  std::string address;
  std::string protocol;
  std::vector<AddressReport> reports;  // in the order in which a client tries them
  std::vector<std::string> notes;
  // Of the address that a client would stay with; kServerNotFound without `reached` when there is
  // none.
  Fallback outcome;
  bool reached = false;  // a client would get a connection, one way or the other
};

// The exit code.
int Explain(const ExplainOptions& options);

}  // namespace samehost::cli

#endif  // SAMEHOST_PLUGIN_CLI_EXPLAIN_H_
