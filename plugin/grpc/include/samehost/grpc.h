// samehost for gRPC: same API, same stubs; peers on this host talk through shared memory.
//
//   builder.AddListeningPort("0.0.0.0:50051", samehost::ServerCredentials());
//   auto channel = grpc::CreateChannel("localhost:50051", samehost::ChannelCredentials());
//   auto channel = samehost::CreateChannel("localhost:50051");  // the same, as a factory
//
// Where shared memory cannot be used (peer elsewhere, stock peer, anything missing) the same
// objects talk over the wrapped credentials exactly as before; RecentFallbacks() and the log say
// why.
// All functions may be called from any thread; nothing throws.
#ifndef SAMEHOST_GRPC_H_
#define SAMEHOST_GRPC_H_

#include <grpcpp/channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/support/channel_arguments.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace samehost {

// How a thread that waits for a message spends its time.
enum class WaitStrategy {
  kEfficient,  // sleep at once; least CPU
  kBalanced,   // spin for a short time that adapts to recent waits, then sleep (default)
  kLatency,    // spin longer before sleeping; for dedicated cores
};

struct Options {
  bool enabled = true;  // false: only the wrapped credentials are used (also SAMEHOST=off)
  WaitStrategy wait = WaitStrategy::kBalanced;  // of the process: the last one set holds
  // Bytes of each ring at first, and at most once traffic shows that it needs more. Powers of two.
  // Large messages take up to 32 times max_ring_bytes beside the rings, each way, while they need
  // it; none when both sizes are equal.
  size_t initial_ring_bytes = 32 * 1024;
  size_t max_ring_bytes = 2 * 1024 * 1024;
  // Beside this process's own user and root.
  std::vector<uid_t> allowed_users;
  std::vector<gid_t> allowed_groups;
  std::string directory;  // rendezvous directory; empty: SAMEHOST_DIR, /run/samehost, ...
  // With fallback credentials other than insecure or local: use shared memory in place of TLS.
  // Must be set on both sides.
  bool replace_tls = false;
};

// Wraps `fallback` (null: insecure). Composite credentials work both ways round: around these, or
// as the fallback. Credentials classes written by the user cannot be wrapped: then `fallback`
// itself comes back, with the reason credentials_not_wrappable. The objects may be used for many
// channels and servers; gRPC shares connections between channels with equal options and equal
// fallbacks.
std::shared_ptr<grpc::ChannelCredentials> ChannelCredentials(
    std::shared_ptr<grpc::ChannelCredentials> fallback = nullptr, const Options& options = {});
std::shared_ptr<grpc::ChannelCredentials> ChannelCredentials(const Options& options);
std::shared_ptr<grpc::ServerCredentials> ServerCredentials(
    std::shared_ptr<grpc::ServerCredentials> fallback = nullptr, const Options& options = {});
std::shared_ptr<grpc::ServerCredentials> ServerCredentials(const Options& options);

std::shared_ptr<grpc::Channel> CreateChannel(const std::string& target,
                                             const Options& options = {});
std::shared_ptr<grpc::Channel> CreateCustomChannel(const std::string& target,
                                                   const grpc::ChannelArguments& arguments,
                                                   const Options& options = {});

// ---- Who is at the other end
// --------------------------------------------------------------------- Properties of the auth
// context (ServerContext::auth_context(), ClientContext::auth_context()) of calls through shared
// memory, beside those that the fallback's own handshake sets. Numbers in decimal, as the kernel
// vouches for them; context->peer() is "samehost:uid=1000,pid=4242".
inline constexpr char kTransportProperty[] = "samehost_transport";
inline constexpr char kTransportPropertyValue[] = "shared_memory";
inline constexpr char kPeerUidProperty[] = "samehost_peer_uid";
inline constexpr char kPeerGidProperty[] = "samehost_peer_gid";
inline constexpr char kPeerPidProperty[] = "samehost_peer_pid";  // 0: not visible from here

// ---- What happened, in code ---------------------------------------------------------------------

// The latest decision for one resolved address of this process.
struct FallbackInfo {
  std::string address;  // "127.0.0.1:50051", "unix:/path"; "(channel credentials)" or "(server
                        // credentials)" for credentials that could not be wrapped
  std::string reason;   // stable name, e.g. "server_not_found"; "none" when shared memory is used
  std::string detail;   // the particulars, one line
};
// The last decision for each address that this process connected to or listened on (newest last,
// bounded).
std::vector<FallbackInfo> RecentFallbacks();

// Totals over all links of this process, live and ended. Counted as messages pass, without
// synchronisation: another thread's latest ones may be missing for a moment.
struct LinkStats {
  uint64_t links_opened = 0, links_live = 0, fallbacks = 0;
  uint64_t messages_sent = 0, messages_received = 0;
  uint64_t bytes_sent = 0, bytes_received = 0;
  uint64_t doorbells_rung = 0, sleeps = 0, spins_succeeded = 0, spins_failed = 0, ring_full = 0;
  uint64_t blocks_lent = 0;   // pieces of large messages that the peer read where they were written
  uint64_t memory_bytes = 0;  // shared memory now mapped by live links, both directions
};
LinkStats Stats();

}  // namespace samehost

#endif  // SAMEHOST_GRPC_H_
