// Peer: the socket between the two ends of a mechanism, over which they meet (names, descriptors)
// before anything is measured, and by which either learns that the other died: from then on nothing
// is sent over it. One thread; the watch's callback runs on a thread of its own.
#ifndef SAMEHOST_PLUGIN_BENCH_MENU_PEER_H_
#define SAMEHOST_PLUGIN_BENCH_MENU_PEER_H_

#include <sys/types.h>

#include <atomic>
#include <functional>
#include <initializer_list>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "plugin/base/unique_fd.h"

namespace samehost::bench::menu {

class Peer {
 public:
  // One end of Pair(), perhaps inherited.
  explicit Peer(UniqueFd socket) : socket_(std::move(socket)) {}
  ~Peer() { StopWatch(); }
  static std::pair<UniqueFd, UniqueFd> Pair();

  void SendText(const std::string& text) { Send(text, {}); }
  std::string ReceiveText();
  void SendFds(std::initializer_list<int> fds) { Send(".", fds); }
  std::vector<UniqueFd> ReceiveFds(size_t count);
  // Both sides call it: whoever returns knows that the other has come as far.
  void Meet();
  pid_t ExchangePids();

  // Has `wake` called once when the other end has gone, after gone() became true: it must make this
  // side's waiting call return. For mechanisms that do not tell by themselves.
  void Watch(std::function<void()> wake);
  // Ends the watch; before what `wake` uses is destroyed.
  void StopWatch();
  // acquire: pairs with the watch's store, so that what it did before is seen. SYNC(gone)
  bool gone() const { return gone_.load(std::memory_order_acquire); }
  // Throws PeerGone if so.
  void Require() const;
  // For mechanisms that spin.
  bool LooksGone() const;

 private:
  void Send(const std::string& text, std::initializer_list<int> fds);

  UniqueFd socket_;
  UniqueFd stop_;
  std::thread watch_;
  std::atomic<bool> gone_{false};
};

}  // namespace samehost::bench::menu

#endif  // SAMEHOST_PLUGIN_BENCH_MENU_PEER_H_
