#include "plugin/zmq/listener.h"

#include <sys/random.h>

#include <array>
#include <cstdio>

#include "plugin/base/fork_guard.h"
#include "plugin/zmq/settings.h"

namespace samehost::zmq_transport {
namespace {

// 128 random bits in hexadecimal, or nothing.
std::string RandomText() {
  std::array<unsigned char, 16> bytes = {};
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) return "";
  std::string text;
  for (unsigned char byte : bytes) {
    char digits[3];
    snprintf(digits, sizeof(digits), "%02x", byte);
    text += digits;
  }
  return text;
}

struct Current {
  std::mutex mutex;
  std::weak_ptr<Listener> listener;
  uint64_t generation = ForkGeneration();
};

Current& CurrentListener() {
  static Current* current = new Current;
  if (current->generation != ForkGeneration()) current = new Current;
  return *current;
}

}  // namespace

Result<std::shared_ptr<Listener>> Listener::Get() {
  Current& current = CurrentListener();
  std::lock_guard lock(current.mutex);
  if (auto listener = current.listener.lock()) return listener;
  std::shared_ptr<Listener> made(new Listener);
  made->name_ = RandomText();
  if (made->name_.empty()) return SystemError("getrandom");
  // Raw: the handlers end before the listener does.
  Listener* raw = made.get();
  auto announcement = rendezvous::Announce(
      rendezvous::NamedAddress(made->name_), RendezvousOptions(),
      {.judge = [raw](const rendezvous::PeerIdentity&,
                      const std::string& token) { return raw->Judge(token); },
       .accept = [raw](rendezvous::Connected connected) { raw->Accept(std::move(connected)); }});
  if (!announcement) return announcement.error();
  made->announcement_ = *std::move(announcement);
  current.listener = made;
  return made;
}

std::string Listener::Expect(std::shared_ptr<Ticket> ticket) {
  std::string token = RandomText();
  std::lock_guard lock(mutex_);
  if (!token.empty()) expected_[token] = std::move(ticket);
  return token;
}

void Listener::Forget(const std::string& token) {
  std::lock_guard lock(mutex_);
  expected_.erase(token);
}

rendezvous::Verdict Listener::Judge(const std::string& token) {
  std::lock_guard lock(mutex_);
  if (const auto found = expected_.find(token); found != expected_.end()) {
    found->second->SetImminent();
    return {};
  }
  return {FallbackReason::kHandshakeFailed, "no connection of this server has that token", ""};
}

void Listener::Accept(rendezvous::Connected connected) {
  std::shared_ptr<Ticket> ticket;
  {
    std::lock_guard lock(mutex_);
    const auto found = expected_.find(connected.message);
    if (found == expected_.end()) return;
    ticket = std::move(found->second);
    expected_.erase(found);
  }
  ticket->Put(std::move(connected));
}

}  // namespace samehost::zmq_transport
