// process_vm_readv: the sender tells over a seqpacket socket where its message lies, and the
// receiver copies it from there in one go. The sender must not touch it until it has been read,
// which the receiver says with the next message that it sends itself, or, when it receives again
// without having sent anything, with a note of its own.
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <utility>

#include "plugin/bench/menu/adapters/adapters.h"
#include "plugin/bench/menu/adapters/datagram_io.h"
#include "plugin/bench/menu/adapters/socket_pair.h"

namespace samehost::bench::menu {
namespace {

struct Note {
  uint64_t address = 0;  // 0: no message, only what has been read
  uint64_t size = 0;
  uint64_t read = 0;  // messages that the sender of this note has read
};

class ProcessVmChannel final : public Channel {
 public:
  ProcessVmChannel(pid_t other, UniqueFd socket) : other_(other), socket_(std::move(socket)) {}

  std::span<std::byte> Buffer(size_t size) override {
    AwaitRead();
    return Channel::Buffer(size);
  }

  void Send(std::span<const std::byte> message) override {
    ++sent_;
    told_ = received_;
    // An empty message has an address as well.
    SendNote({reinterpret_cast<uint64_t>(message.empty() ? &sent_ : (const void*)message.data()),
              message.size(), received_});
  }

  std::span<const std::byte> Receive() override {
    if (told_ != received_) {
      told_ = received_;
      SendNote({.read = received_});
    }
    Note note = std::exchange(pending_, {});
    while (note.address == 0) note = ReceiveNote();
    message_.resize(note.size);
    for (size_t have = 0; have < note.size;) {
      const iovec here{message_.data() + have, note.size - have};
      const iovec there{reinterpret_cast<void*>(note.address + have), note.size - have};
      const ssize_t got = ::process_vm_readv(other_, &here, 1, &there, 1, 0);
      if (got <= 0 && errno == ESRCH) throw PeerGone();
      if (got <= 0) FailErrno("process_vm_readv");
      have += static_cast<size_t>(got);
    }
    ++received_;
    return message_;
  }

 private:
  void AwaitRead() {
    while (read_ < sent_) {
      const Note note = ReceiveNote();
      if (note.address != 0) pending_ = note;  // at most one: whoever sent it waits for an answer
    }
  }
  void SendNote(const Note& note) {
    SendDatagram(socket_.get(), std::as_bytes(std::span(&note, 1)), {});
  }
  Note ReceiveNote() {
    Note note;
    const size_t got = ReceiveDatagram(socket_.get(), std::as_writable_bytes(std::span(&note, 1)));
    if (got == 0) throw PeerGone();
    read_ = note.read;
    return note;
  }

  const pid_t other_;
  UniqueFd socket_;
  uint64_t sent_ = 0, read_ = 0, received_ = 0, told_ = 0;
  Note pending_;  // a message that was told of while something else was awaited
  std::vector<std::byte> message_;
};

}  // namespace

ChannelPtr OpenProcessVm(const Place& place) {
  const pid_t other = place.peer.ExchangePids();
  // Where Yama lets only parents look (kernel.yama.ptrace_scope 1), the other end may.
  ::prctl(PR_SET_PTRACER, other, 0, 0, 0);
  UniqueFd socket = ConnectedUnixSocket(place, SOCK_SEQPACKET);
  place.peer.Meet();
  return std::make_unique<ProcessVmChannel>(other, std::move(socket));
}

}  // namespace samehost::bench::menu
