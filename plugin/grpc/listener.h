// Listener: the server's side of one listening address. It keeps the rendezvous entry alive, judges
// who asks, and turns accepted links into transports of the gRPC server.
//
//   made (announced, stock port not bound yet) -> Start -> serving -> Orphan -> gone
//
// Links that come before Start wait, as connections to the stock port wait in the kernel's backlog;
// beyond kMaxWaiting clients are sent to the socket. After Orphan nothing is accepted; connections
// that exist are the server's and end with it, as over the stock port.
//
// Owner: Announce's caller until AddListener, then the gRPC server (Orphanable).
// Threads: judging runs on the rendezvous's thread and never blocks; transports are made on
// EventEngine threads (a call's handler may run there, and may take its time or shut the server
// down). Failure: a link that cannot be set up is dropped; its client reconnects.
#ifndef SAMEHOST_PLUGIN_GRPC_LISTENER_H_
#define SAMEHOST_PLUGIN_GRPC_LISTENER_H_

#include <memory>
#include <string>
#include <vector>

#include "plugin/grpc/settings.h"
#include "plugin/rendezvous/rendezvous.h"
#include "src/core/lib/channel/channel_args.h"
#include "src/core/lib/channel/channelz.h"
#include "src/core/lib/surface/server.h"

namespace samehost::grpc_transport {

class Listener final : public grpc_core::Server::ListenerInterface {
 public:
  static constexpr size_t kMaxWaiting = 128;

  // Announces `address`. `args` are the server's with credentials and security connector.
  // `server` outlives the listener.
  static Result<grpc_core::OrphanablePtr<Listener>> Announce(
      const rendezvous::Address& address, grpc_core::Server* server, grpc_core::ChannelArgs args,
      grpc_core::RefCountedPtr<Settings> settings);

  // For an address that was announced with port 0.
  Status SetPort(uint16_t port);
  const std::string& label() const;  // the address, for people

  // grpc_core::Server::ListenerInterface, called by the server.
  void Start(grpc_core::Server* server, const std::vector<grpc_pollset*>* pollsets) override;
  grpc_core::channelz::ListenSocketNode* channelz_listen_socket_node() const override;
  void SetOnDestroyDone(grpc_closure* on_destroy_done) override;
  void Orphan() override;

 private:
  class State;  // what the rendezvous's handlers share with the listener

  explicit Listener(std::shared_ptr<State> state);
  ~Listener() override;

  const std::shared_ptr<State> state_;
  std::unique_ptr<rendezvous::Announcement> announcement_;
  grpc_core::RefCountedPtr<grpc_core::channelz::ListenSocketNode> socket_node_;
};

}  // namespace samehost::grpc_transport

#endif  // SAMEHOST_PLUGIN_GRPC_LISTENER_H_
