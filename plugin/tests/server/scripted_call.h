// ScriptedCall: one call at the server and the parts of its script that do not depend on the API:
// reply payloads, the report, metadata, the final status, cancellation and the gates.
// Owned by the handler of the call; used by one thread at a time.
#ifndef SAMEHOST_PLUGIN_TESTS_SERVER_SCRIPTED_CALL_H_
#define SAMEHOST_PLUGIN_TESTS_SERVER_SCRIPTED_CALL_H_

#include <grpcpp/server_context.h>

#include "plugin/tests/behaviour.pb.h"
#include "plugin/tests/harness/payload.h"
#include "plugin/tests/server/service_state.h"

namespace samehost::testing {

class ScriptedCall {
 public:
  ScriptedCall(ServiceState* state, grpc::ServerContextBase* context);
  ~ScriptedCall();

  // Call for each request message; the first one's script is applied.
  void OnRequest(const behaviour::Request& request);
  const behaviour::Script& script() const { return script_; }

  // The answer to `request`: its payload or a generated one, and what was read so far.
  behaviour::Reply MakeReply(const behaviour::Request& request);
  // Blocks as the script says (wait_for_cancel, hold, delay_ms) once everything is read.
  void Pause();
  // Counts the call if the server's context says that it is cancelled. Not with the asynchronous
  // API.
  void NoteCancelled();
  void AwaitReadPermit();
  // True (and TryCancel done) when the script cancels at this moment.
  bool CancelsAt(behaviour::Script::Moment moment);
  grpc::Status FinalStatus();

 private:
  void FillReport(behaviour::Report* report);

  ServiceState* state_;
  grpc::ServerContextBase* context_;
  behaviour::Script script_;
  bool first_ = true;
  uint64_t messages_ = 0, bytes_ = 0;
  Checksum checksum_;
};

}  // namespace samehost::testing

#endif  // SAMEHOST_PLUGIN_TESTS_SERVER_SCRIPTED_CALL_H_
