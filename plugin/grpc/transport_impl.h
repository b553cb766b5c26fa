// Transport: streams multiplexed over one link; the state behind grpc_transport.
//
// Lifetime: reference counted; gRPC's owner reference ends in destroy(), every stream and every
// pending callback holds one more. Threads: mu_ guards streams and sending; read_mu_ makes one
// thread at a time the reader. Order: read_mu_ before mu_. gRPC is only called with neither held,
// except to schedule closures. Failure: whatever the peer does ends in Close(), never in more than
// this connection.
#ifndef SAMEHOST_PLUGIN_GRPC_TRANSPORT_IMPL_H_
#define SAMEHOST_PLUGIN_GRPC_TRANSPORT_IMPL_H_

#include <grpc/event_engine/event_engine.h>
#include <grpc/support/port_platform.h>

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "plugin/base/fork_guard.h"
#include "plugin/grpc/background.h"
#include "plugin/grpc/block_pool.h"
#include "plugin/grpc/frame.h"
#include "plugin/grpc/metadata_codec.h"
#include "plugin/grpc/send_memory.h"
#include "plugin/grpc/stream.h"
#include "plugin/grpc/transport.h"
#include "plugin/grpc/watch.h"
#include "plugin/shm/link.h"
#include "src/core/lib/gprpp/ref_counted.h"
#include "src/core/lib/iomgr/ev_posix.h"
#include "src/core/lib/resource_quota/memory_quota.h"
#include "src/core/lib/transport/connectivity_state.h"
#include "src/core/lib/transport/transport_impl.h"

namespace samehost::grpc_transport {

class Transport final : public Watched {
 public:
  Transport(const grpc_core::ChannelArgs& args, rendezvous::Connected connected,
            TransportOptions options);

  // ---- gRPC's vtable (transport.cc)
  void Start(grpc_closure* on_close);
  void InitStream(Stream* s, const void* server_data);
  void PerformStreamOp(Stream* s, grpc_transport_stream_op_batch* op);
  void PerformOp(grpc_transport_op* op);
  void DestroyStream(Stream* s);
  void Destroy();

  // ---- Watched (transport_receive.cc)
  bool HasWork() override {
    return link_->HasInput() || (awaits_room_.load(std::memory_order_relaxed) && link_->HasRoom());
  }
  void Poll() override;
  void OnDoorbell() override;
  shm::Link* watched_link() override { return link_.get(); }
  void RefForWatch() override { Ref(); }
  void UnrefForWatch() override { Unref(); }

  void Ref() { refs_.fetch_add(1, std::memory_order_relaxed); }
  void Unref();

  // What gRPC holds.
  struct Base {
    ::grpc_transport transport;
    Transport* self;
  };
  Base base;
  static Transport* FromBase(::grpc_transport* t) { return reinterpret_cast<Base*>(t)->self; }

 private:
  friend struct Stream;
  ~Transport();

  // ---- transport.cc
  void StartSend(Stream* s, grpc_transport_stream_op_batch* op);
  void StartSendMessage(Stream* s, grpc_transport_stream_op_batch* op);
  void StartReceive(Stream* s, grpc_transport_stream_op_batch* op);
  void CloseLocked(grpc_error_handle error);
  void Close(grpc_error_handle error);
  void CompleteStep(grpc_closure** closure, const grpc_error_handle& error);
  void RunSoon(grpc_closure** closure, grpc_error_handle error = absl::OkStatus());

  // ---- transport_descriptors.cc
  void WatchDescriptors();
  void OnDoorbellFd(const grpc_error_handle& error);
  void OnMoreInput();
  void OnSocket(const grpc_error_handle& error);
  void OnPidfd(const grpc_error_handle& error);
  Status ReadSocket();
  void PeerGone(const char* how);

  // ---- transport_stream.cc: the life of a stream, as over HTTP/2
  void CancelStream(Stream* s, const grpc_error_handle& error);
  void CloseFromApi(Stream* s, const grpc_error_handle& error);
  void MarkClosed(Stream* s, bool reads, bool writes, const grpc_error_handle& error);
  void FailPendingSends(Stream* s, grpc_error_handle error);
  void FakeStatus(Stream* s, const grpc_error_handle& error);
  void MaybeCompleteInitial(Stream* s);
  void MaybeCompleteMessage(Stream* s);
  void MaybeCompleteTrailing(Stream* s);
  void DropIncoming(Stream* s);
  void DropPartial(Stream* s);
  void RemoveStream(Stream* s, const grpc_error_handle& error);
  void MaybeStartStreams();
  void CancelUnstartedStreams(const grpc_error_handle& error);

  // ---- transport_send.cc
  void WriteStream(Stream* s);
  bool WriteStep(Stream* s, bool* progress);
  bool Refers(const Stream& s, shm::BlockReference* reference) const;
  size_t BytesToCopy(const Stream& s) const;
  bool WriteMetadataPieces(Stream* s, bool trailing);
  std::byte* ReserveFor(Stream* s, size_t bytes);
  void SentTrailing(Stream* s);
  void SendControl(const FrameHeader& header, absl::string_view body = {});
  bool FlushControl();
  void WriteBlocked();
  void Publish();
  void PublishRecords();
  bool SomebodyWaitsForRoom() const { return !control_.empty() || !waiting_for_room_.empty(); }

  // ---- transport_receive.cc
  void ReadRecords(uint64_t most);
  bool OnRecord(const shm::Record& record);
  bool OnData(const Frame& frame, const shm::Record& record, bool* lent);
  Stream* AcceptStream(const Frame& frame);
  bool OnInitial(Stream* s, const Frame& frame);
  bool OnTrailing(Stream* s, const Frame& frame);
  bool OnChunk(Stream* s, const Frame& frame, const shm::Record& record, shm::Borrowed borrowed,
               bool* lent);
  void AppendChunk(Stream* s, std::span<const std::byte> chunk, const shm::Record& record,
                   bool* lent);
  void AppendBorrowed(Stream* s, shm::Borrowed borrowed);
  bool OnReset(const FrameHeader& header);
  bool OnCredit(const FrameHeader& header);
  bool OnSettings(const FrameHeader& header);
  void GrantCredit(Stream* s);
  Stream* Find(uint64_t id);
  bool Violation(const char* rule);

  // ---- transport_keepalive.cc
  void InitKeepalive(const grpc_core::ChannelArgs& args);
  void StartKeepaliveTimer();
  void OnKeepaliveTimer();
  void OnKeepaliveTimeout();
  void SendPing(grpc_closure* on_initiate, grpc_closure* on_ack);
  void SendPingFrame(uint64_t id);
  bool OnPing(const FrameHeader& header);
  bool OnPong(const FrameHeader& header);
  void SendGoaway(const grpc_error_handle& error, bool immediately);
  void SendGoawayFrame(uint32_t code, uint64_t last_stream, absl::string_view text);
  void FinishGracefulGoaway();
  bool OnGoaway(const Frame& frame);
  void FailPings(const grpc_error_handle& error);
  void CancelTimers();
  void ResetPingClock();

  // ---- transport_switch.cc
  void SetSwitchTimer();
  void OnSwitchTimer();
  void LeaveLink();

  // ---- transport_memory.cc
  void NoteLargeTraffic();
  void SetTrimTimer();
  void OnTrimTimer();
  uint64_t BytesMoved() const;
  void PostBenignReclaimer();
  void PostDestructiveReclaimer();
  void ReclaimIdle();
  void ReclaimStream();
  grpc_slice AllocateSlice(size_t bytes);
  bool ForkedAway();

  // A timer that may be set again and again; holds a reference to the transport while set.
  class Timer {
   public:
    enum RunsIn : uint8_t { kEventEngine, kBackground };
    explicit Timer(RunsIn runs_in = kEventEngine) : runs_in_(runs_in) {}
    void Set(Transport* t, grpc_core::Duration after, void (Transport::*fire)());
    void Cancel(Transport* t);

   private:
    const RunsIn runs_in_;
    bool set_ = false;
    uint64_t generation_ = 0;
    grpc_event_engine::experimental::EventEngine::TaskHandle handle_;
    Background::Task task_;
  };

  std::atomic<intptr_t> refs_{2};  // gRPC's, and one until Start()
  const bool is_client_;
  const uint64_t fork_generation_ = ForkGeneration();
  const std::string peer_string_;
  const std::string address_, directory_;  // as of TransportOptions
  const grpc_core::RefCountedPtr<grpc_core::channelz::SocketNode> socket_node_;
  std::unique_ptr<shm::Link> link_;
  std::unique_ptr<grpc_core::MemoryOwner> memory_owner_;
  std::shared_ptr<SendMemory> send_memory_;  // null: no arena; set once
  const std::shared_ptr<BlockPool> blocks_ = std::make_shared<BlockPool>();

  std::mutex socket_mu_;  // one thread at a time reads the socket; no other lock is taken under it
  std::mutex read_mu_;
  MetadataDecoder decoder_;  // guarded by read_mu_

  std::mutex mu_;  // guards everything below that says nothing else
  absl::flat_hash_map<uint64_t, Stream*> streams_;
  uint64_t next_stream_id_ = 1;                  // client
  uint64_t last_accepted_id_ = 0;                // server
  std::deque<Stream*> waiting_for_concurrency_;  // client
  std::deque<Stream*> waiting_for_room_;
  std::deque<std::string> control_;       // frames that found no room
  size_t room_wanted_ = 0;                // bytes that whoever is first in line needs
  std::atomic<bool> awaits_room_{false};  // somebody waits for room; for HasWork()
  bool unpublished_ = false;
  std::string scratch_initial_, scratch_trailing_;
  std::string user_agent_;  // client: encoded, goes with every call
  bool settings_received_ = false;
  uint32_t peer_max_streams_ = 0;
  uint32_t max_streams_;  // ours, told to the peer
  uint32_t max_metadata_bytes_;
  uint32_t peer_max_metadata_bytes_ = 0;
  grpc_error_handle closed_error_;  // not ok: closed
  grpc_error_handle goaway_error_;  // client: a go-away was received
  enum class Goaway : uint8_t { kNone, kGraceful, kFinal } goaway_sent_ = Goaway::kNone;
  grpc_core::ConnectivityStateTracker state_tracker_;
  void (*accept_stream_)(void*, ::grpc_transport*, const void*) = nullptr;
  void* accept_stream_data_ = nullptr;
  grpc_closure* on_close_ = nullptr;

  grpc_fd* doorbell_fd_ = nullptr;  // null: DoorbellSet hears it
  grpc_fd* socket_fd_ = nullptr;
  grpc_fd* pidfd_fd_ = nullptr;
  grpc_closure on_doorbell_, on_socket_, on_pidfd_, on_more_input_;
  std::atomic<bool> polls_again_{false};  // on_more_input_ is under way

  // ---- Keepalive and pings
  grpc_core::Duration keepalive_time_, keepalive_timeout_;
  bool keepalive_without_calls_ = false;
  Timer keepalive_timer_, keepalive_timeout_timer_, graceful_timer_;
  Timer trim_timer_{Timer::kBackground};
  Timer switch_timer_{Timer::kBackground};
  bool trim_timer_set_ = false;
  uint64_t bytes_at_trim_check_ = 0;
  int quiet_checks_ = 0;
  bool benign_reclaimer_posted_ = false, destructive_reclaimer_posted_ = false;
  struct PendingPing {
    enum Kind : uint8_t { kUser, kKeepalive, kGraceful } kind;
    uint64_t id;
    grpc_closure* on_ack;  // kUser only
  };
  std::deque<PendingPing> pings_;
  uint64_t next_ping_id_ = 1;
  int max_pings_without_data_ = 2, pings_before_data_ = 2;  // client
  int max_ping_strikes_ = 2, ping_strikes_ = 0;             // server
  grpc_core::Duration min_ping_interval_;
  grpc_core::Timestamp last_ping_received_ = grpc_core::Timestamp::InfPast();
};

}  // namespace samehost::grpc_transport

#endif  // SAMEHOST_PLUGIN_GRPC_TRANSPORT_IMPL_H_
