// ServerProcess: behaviour_server at an address of its own, listening when the constructor returns.
// Owned by the test; killed when destroyed. Start on the main thread.
#ifndef SAMEHOST_PLUGIN_TESTS_HARNESS_SERVER_PROCESS_H_
#define SAMEHOST_PLUGIN_TESTS_HARNESS_SERVER_PROCESS_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "plugin/tests/harness/child_process.h"
#include "plugin/tests/harness/transport_kind.h"

namespace samehost::testing {

// Which of gRPC's server (or client) APIs carries the calls.
enum class Api { kSync, kAsync, kCallback, kGeneric, kGenericCallback };
inline constexpr Api kAllApis[] = {Api::kSync, Api::kAsync, Api::kCallback, Api::kGeneric,
                                   Api::kGenericCallback};
const char* Name(Api api);

struct ServerOptions {
  TransportKind transport = TransportKind::kStockUnix;
  Api api = Api::kSync;
  std::string address;             // empty: a fresh one of the transport's kind
  std::vector<std::string> flags;  // see server/server_flags.h
  std::map<std::string, std::string> environment;
  std::string stderr_file;
};

class ServerProcess {
 public:
  explicit ServerProcess(const ServerOptions& options);

  // What a client gives to CreateChannel.
  const std::string& target() const { return target_; }
  ChildProcess& process() { return process_; }
  pid_t pid() const { return process_.pid(); }
  // Counters of the service (calls_started, calls_finished, calls_cancelled, messages_read) and of
  // samehost (links_opened, ...).
  Counters Stats() { return process_.AskCounters(); }
  uint64_t Stat(const std::string& name) { return Stats()[name]; }

 private:
  ChildProcess process_;
  std::string target_;
};

// A new "unix:" or "host:0" address.
std::string FreshAddress(TransportKind kind);

}  // namespace samehost::testing

#endif  // SAMEHOST_PLUGIN_TESTS_HARNESS_SERVER_PROCESS_H_
