// Descriptors: what gRPC's pollers wait for on behalf of a connection.
#include <poll.h>

#include "plugin/grpc/doorbell_set.h"
#include "plugin/grpc/polling.h"
#include "plugin/grpc/transport_impl.h"
#include "src/core/lib/gprpp/status_helper.h"
#include "src/core/lib/iomgr/exec_ctx.h"

namespace samehost::grpc_transport {

void Transport::WatchDescriptors() {
  auto watch = [this](int fd, grpc_fd** slot, grpc_closure* closure, auto callback) {
    if (fd < 0) return;
    GRPC_CLOSURE_INIT(closure, callback, this, grpc_schedule_on_exec_ctx);
    *slot = grpc_fd_create(fd, "samehost", /*track_err=*/false);
    Ref();
    grpc_fd_notify_on_read(*slot, closure);
  };
  GRPC_CLOSURE_INIT(
      &on_more_input_,
      [](void* self, grpc_error_handle) { static_cast<Transport*>(self)->OnMoreInput(); }, this,
      grpc_schedule_on_exec_ctx);
  if (!DoorbellSet::Get().Add(this)) {
    watch(link_->doorbell_fd(), &doorbell_fd_, &on_doorbell_,
          [](void* self, grpc_error_handle error) {
            static_cast<Transport*>(self)->OnDoorbellFd(error);
          });
  }
  watch(link_->socket_fd(), &socket_fd_, &on_socket_, [](void* self, grpc_error_handle error) {
    static_cast<Transport*>(self)->OnSocket(error);
  });
  watch(link_->pidfd(), &pidfd_fd_, &on_pidfd_,
        [](void* self, grpc_error_handle error) { static_cast<Transport*>(self)->OnPidfd(error); });
}

void Transport::OnDoorbell() {
  NoteWokenByDoorbell();
  Poll();
  if (Watch::Get().AfterDoorbell(this)) return;
  // Input came meanwhile: let what was read be acted upon first, then look again. relaxed: the one
  // that is under way has not read yet.
  if (polls_again_.exchange(true, std::memory_order_relaxed)) return;
  Ref();
  grpc_core::ExecCtx::Run(DEBUG_LOCATION, &on_more_input_, absl::OkStatus());
}

void Transport::OnMoreInput() {
  polls_again_.store(false, std::memory_order_relaxed);
  OnDoorbell();
  Unref();
}

void Transport::OnDoorbellFd(const grpc_error_handle& error) {
  if (!error.ok()) return Unref();
  OnDoorbell();
  grpc_fd_notify_on_read(doorbell_fd_, &on_doorbell_);  // keeps the reference
}

Status Transport::ReadSocket() {
  std::lock_guard<std::mutex> lock(socket_mu_);
  return link_->OnSocketReadable();
}

void Transport::OnSocket(const grpc_error_handle& error) {
  if (!error.ok()) return Unref();
  Status status = ReadSocket();
  if (!status.ok()) {
    PeerGone(ToString(status.error()).c_str());
    return Unref();
  }
  // Between different users the socket is the doorbell; and a larger ring may have been agreed on,
  // so that whoever waits for room can go on.
  Poll();
  if (!Watch::Get().AfterDoorbell(this)) {
    grpc_core::ExecCtx::Run(DEBUG_LOCATION, &on_socket_, absl::OkStatus());
    return;
  }
  grpc_fd_notify_on_read(socket_fd_, &on_socket_);
}

void Transport::OnPidfd(const grpc_error_handle& error) {
  if (error.ok()) {
    // epoll1 reports a new descriptor as writable; only readable means that the process has ended.
    pollfd p = {link_->pidfd(), POLLIN, 0};
    if (poll(&p, 1, 0) == 1 && (p.revents & POLLIN)) {
      PeerGone("the peer process has ended");
    } else {
      grpc_fd_notify_on_read(pidfd_fd_, &on_pidfd_);
      return;
    }
  }
  Unref();
}

// What the peer wrote before it ended is still in the ring: a status, for instance.
void Transport::PeerGone(const char* how) {
  {
    std::lock_guard<std::mutex> reading(read_mu_);  // and what another thread is reading right now
    ReadRecords(UINT64_MAX);
  }
  Close(grpc_error_set_int(GRPC_ERROR_CREATE(absl::StrCat("Socket closed: ", how)),
                           grpc_core::StatusIntProperty::kRpcStatus, GRPC_STATUS_UNAVAILABLE));
}

}  // namespace samehost::grpc_transport
