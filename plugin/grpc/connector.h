// Connector: how one subchannel connects. Each attempt first asks the rendezvous whether the server
// behind the resolved address shares this host and speaks our protocol; if so the connection is a
// link in shared memory. Otherwise, and that is decided anew at every attempt, gRPC's own connector
// does what it always did, with the very same arguments.
//
//   Connect -> [rendezvous, on a thread of its own] -> transport over the link -> notify
//                        | fallback (recorded, with its reason)
//                        +-> Chttp2Connector::Connect(args, result, on_socket)
//                              | not connected: nothing to warn of
//                              | connected: the reason is logged, and the socket's transport used;
//                              | but if it was that nobody is there:
//                              +-> [rendezvous] once more -> transport over the link, or the
//                              socket's
//
// The second look is for a server that came after the first one: a connection that waited for it
// (a container's address answers late, connect() goes on trying) would stay on its socket for life.
//
// Owner: the subchannel (Orphanable); the running attempt holds a reference.
// Threads: gRPC calls Connect and Shutdown under the subchannel's lock; the rest runs on a
// short-lived thread for each attempt, because the rendezvous blocks (for a second, when the server
// has stopped) and gRPC's own pool may have a single thread to spare and grows by one a second.
// `mutex_` is never held when gRPC is called back. Failure: notify runs exactly once per Connect.
// After Shutdown it runs with an error at once; what the rendezvous then still brings is dropped,
// which ends the link.
#ifndef SAMEHOST_PLUGIN_GRPC_CONNECTOR_H_
#define SAMEHOST_PLUGIN_GRPC_CONNECTOR_H_

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <variant>

#include "plugin/grpc/settings.h"
#include "plugin/rendezvous/rendezvous.h"
#include "src/core/ext/filters/client_channel/connector.h"
#include "src/core/ext/transport/chttp2/client/chttp2_connector.h"
#include "src/core/lib/gprpp/orphanable.h"
#include "src/core/lib/gprpp/ref_counted_ptr.h"

namespace samehost::grpc_transport {

class Connector final : public grpc_core::SubchannelConnector {
 public:
  // Longest time given to the rendezvous (a stopped server); never more than half of what is left
  // until the attempt's deadline, so that the socket gets its chance.
  static constexpr std::chrono::milliseconds kRendezvousTimeout{1000};

  Connector() = default;
  ~Connector() override;

  void Connect(const Args& args, Result* result, grpc_closure* notify) override;
  void Shutdown(grpc_error_handle error) override;

 private:
  // What an attempt needs while it runs on its own thread: copies, because the subchannel may end.
  struct Attempt {
    rendezvous::Address address;
    std::string label;  // of the address, for people
    grpc_core::RefCountedPtr<Settings> settings;
    grpc_core::ChannelArgs args;
    std::string request;  // what the server is told
    std::chrono::milliseconds timeout{0};
    bool has_socket = false;  // the second look
  };

  using Outcome = std::variant<rendezvous::Connected, Fallback>;
  void StartRendezvous(Attempt attempt);
  void Decide(Attempt attempt, Outcome outcome);
  void UseLink(const Attempt& attempt, rendezvous::Connected connected);
  void UseSocket();
  void FallBack(Attempt attempt, Fallback fallback, bool look_again);
  void TrySocket(Attempt attempt, Fallback fallback, bool look_again);
  static void OnSocket(void* self, grpc_error_handle error);
  void SocketDone(grpc_error_handle error);
  void KeepSocket();
  void HandOver(Result* result, grpc_closure* notify);

  std::mutex mutex_;
  // Set while an attempt has not been handed on; notify_ != nullptr says so.
  Args args_;
  Result* result_ = nullptr;
  grpc_closure* notify_ = nullptr;
  bool shutdown_ = false;
  // While notify runs with a transport of ours: where the subchannel finds it, and which offer it
  // is.
  Result* offered_ = nullptr;
  uint64_t offers_ = 0;
  grpc_core::OrphanablePtr<grpc_core::Chttp2Connector> stock_;
  // While the stock connector works.
  struct Pending {
    Attempt attempt;
    Fallback fallback;        // what the first look brought
    bool look_again = false;  // ask the rendezvous again when the stock connector has succeeded
    Result* result = nullptr;
    grpc_closure* notify = nullptr;
  };
  Pending pending_;
  grpc_closure on_socket_;
};

}  // namespace samehost::grpc_transport

#endif  // SAMEHOST_PLUGIN_GRPC_CONNECTOR_H_
