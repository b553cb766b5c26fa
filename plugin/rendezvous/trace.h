// Trace: what Connect() looks at, step by step, for people who ask why (`samehost explain`).
// Nothing depends on it, and without a listener it costs nothing.
#ifndef SAMEHOST_PLUGIN_RENDEZVOUS_TRACE_H_
#define SAMEHOST_PLUGIN_RENDEZVOUS_TRACE_H_

#include <functional>
#include <string>

namespace samehost::rendezvous {

struct TraceStep {
  bool ok = true;      // nothing against shared memory
  std::string what;    // what was looked at: "the server's answer"
  std::string detail;  // what was found, one line
};
// Called on the thread that connects.
using Trace = std::function<void(const TraceStep& step)>;

}  // namespace samehost::rendezvous

#endif  // SAMEHOST_PLUGIN_RENDEZVOUS_TRACE_H_
