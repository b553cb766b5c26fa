// Service: the one rendezvous thread of this process. It polls the entries of all announcements and
// runs all handshakes. It starts with the first announcement and ends with the last.
//
// Owner: every announcement and the thread itself, through shared_ptr. Threads: Add and Remove from
// any thread, also from handlers. Fork: the child inherits no thread; its copies of the listening
// sockets are closed at fork, so that a dead server's entry refuses connections at once.
#ifndef SAMEHOST_PLUGIN_RENDEZVOUS_SERVICE_H_
#define SAMEHOST_PLUGIN_RENDEZVOUS_SERVICE_H_

#include <condition_variable>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/base/unique_fd.h"
#include "plugin/rendezvous/announced.h"
#include "plugin/rendezvous/server_handshake.h"

namespace samehost::rendezvous {

class Service {
 public:
  // Serves `announced` from now on.
  static Result<std::shared_ptr<Service>> Add(const std::shared_ptr<Announced>& announced);
  // Ends it: no handler of it runs after this, except the one that this is called from. Waits for
  // a handler that runs on the rendezvous thread. Does nothing in a forked child.
  static void Remove(const std::shared_ptr<Service>& service,
                     const std::shared_ptr<Announced>& announced);

  ~Service();

 private:
  Service();

  struct ForkHandlers;
  using Clock = ServerHandshake::Clock;
  using Announcements = std::vector<std::shared_ptr<Announced>>;

  static Result<std::shared_ptr<Service>> Start();

  void Run();
  // False when the thread is to end.
  bool Snapshot(Announcements* out);
  void Poll(const Announcements& announcements);
  void AcceptFrom(const std::shared_ptr<Announced>& announced);
  void RefuseOne(int listener);
  void StepHandshakes();
  // Holds the handshake's announcement against Remove(). False when it has been removed.
  bool Hold(const ServerHandshake& handshake);
  // Runs one step and lets go of the announcement. False when the handshake has ended.
  bool StepHeld(ServerHandshake& handshake);
  int TimeoutMs() const;
  void StepDown();
  // False when the thread cannot be woken: the program has closed the descriptor.
  bool Wake();

  const uint64_t generation_;
  UniqueFd wake_;     // eventfd
  UniqueFd reserve_;  // given up to refuse a client when descriptors are short
  std::thread thread_;
  std::shared_ptr<Service> next_inherited_;

  // Under the process-wide mutex in service.cc, which fork() holds too.
  Announcements announced_;
  const Announced* held_ = nullptr;  // whose step is running
  bool ending_ = false;
  std::condition_variable released_;

  // Rendezvous thread only.
  FileId netns_;
  std::deque<ServerHandshake> handshakes_;
  bool lost_ = false;                    // its descriptors are closed
  Clock::time_point accept_again_at_{};  // accepting pauses until then
};

}  // namespace samehost::rendezvous

#endif  // SAMEHOST_PLUGIN_RENDEZVOUS_SERVICE_H_
