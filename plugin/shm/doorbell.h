// Doorbells: how one side gets the other out of its sleep. Between processes that trust each other
// with their memory an eventfd each way; between others a frame on the socket, because the write to
// an eventfd that is shared with an untrusted peer can be made to block (O_NONBLOCK belongs to the
// shared file).
//
// Owner: the link. Any thread. Ringing never blocks and never fails for the caller: a socket that
// is full of doorbells is readable anyway, and a dead peer is noticed elsewhere.
#ifndef SAMEHOST_PLUGIN_SHM_DOORBELL_H_
#define SAMEHOST_PLUGIN_SHM_DOORBELL_H_

#include "plugin/base/result.h"
#include "plugin/base/unique_fd.h"

namespace samehost::shm {

class Doorbell {
 public:
  // An eventfd as MakeParts puts it into the parts. Errors: kSystem.
  static Result<UniqueFd> MakeEventFd();

  // `own` and `peer` are both eventfds or both invalid; in the second case an eventfd of this
  // process alone is made for RingSelf(). `socket` outlives this object. Errors: kSystem,
  // kProtocol.
  static Result<Doorbell> Create(UniqueFd own, UniqueFd peer, int socket);

  void RingPeer() const;
  void RingSelf() const;
  // Takes the rings of this side's doorbell away. Whether there were any.
  bool Drain() const;
  // Readable when this side's eventfd was rung.
  int fd() const { return own_.get(); }
  // Whether the two sides share eventfds.
  bool shares_eventfds() const { return peer_.valid(); }

 private:
  Doorbell(UniqueFd own, UniqueFd peer, int socket)
      : own_(std::move(own)), peer_(std::move(peer)), socket_(socket) {}

  UniqueFd own_;
  UniqueFd peer_;
  int socket_;
};

}  // namespace samehost::shm

#endif  // SAMEHOST_PLUGIN_SHM_DOORBELL_H_
