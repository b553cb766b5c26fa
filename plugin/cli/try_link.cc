// TryLink(): a server (this process) and a client (a child) find each other as gRPC's would, over a
// port of the loopback interface, and each sends the other a record.
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>

#include "plugin/base/unique_fd.h"
#include "plugin/cli/finding.h"
#include "plugin/cli/proc.h"
#include "plugin/rendezvous/rendezvous.h"

namespace samehost::cli {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kPatience{5000};
constexpr int kRounds = 200;
constexpr char kPing[8] = "ping...";

rendezvous::Options OptionsOf(const std::string& configured) {
  rendezvous::Options options;
  options.directory = configured;
  options.protocol = "doctor";
  return options;
}

bool Send(shm::Link* link) {
  std::byte* place = link->Reserve(sizeof(kPing));
  if (place == nullptr) return false;
  std::memcpy(place, kPing, sizeof(kPing));
  link->Commit(sizeof(kPing));
  link->Publish();
  return true;
}

// Sleeps until a record comes, and takes it.
bool Receive(shm::Link* link, Clock::time_point deadline) {
  for (;;) {
    shm::Record record;
    switch (link->Next(&record)) {
      case shm::Link::Take::kRecord: {
        const bool right = record.bytes.size() == sizeof(kPing) &&
                           std::memcmp(record.bytes.data(), kPing, sizeof(kPing)) == 0;
        link->Done(record);
        link->FlushDone();
        return right;
      }
      case shm::Link::Take::kBroken:
        return false;
      case shm::Link::Take::kEmpty:
        break;
    }
    const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return false;
    if (!link->ArmDoorbell()) continue;
    pollfd polled[2] = {{link->doorbell_fd(), POLLIN, 0}, {link->socket_fd(), POLLIN, 0}};
    poll(polled, 2, static_cast<int>(left));
    if (polled[1].revents != 0 && !link->OnSocketReadable()) return false;
    link->DrainDoorbell();
  }
}

// What the child says: "+MICROSECONDS" of a round trip, or why there is none.
std::string BeClient(const rendezvous::Address& address, const rendezvous::Options& options) {
  auto outcome = rendezvous::Connect(address, options, "", kPatience);
  if (auto* fallback = std::get_if<Fallback>(&outcome)) {
    return std::string(Name(fallback->reason)) + ": " + fallback->detail;
  }
  shm::Link* link = std::get<rendezvous::Connected>(outcome).link.get();
  const auto deadline = Clock::now() + kPatience;
  auto best = Clock::duration::max();
  for (int i = 0; i < kRounds; ++i) {
    const auto start = Clock::now();
    if (!Send(link) || !Receive(link, deadline)) return "a record did not come back";
    best = std::min(best, Clock::now() - start);
  }
  return "+" + std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(best).count());
}

class Trial {
 public:
  // Errors are findings; empty when it may go on.
  std::string Listen() {
    auto* in = reinterpret_cast<sockaddr_in*>(&address_.storage);
    in->sin_family = AF_INET;
    in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address_.length = sizeof(sockaddr_in);
    socket_ = UniqueFd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    auto* raw = reinterpret_cast<sockaddr*>(&address_.storage);
    if (!socket_.valid() || bind(socket_.get(), raw, address_.length) != 0 ||
        listen(socket_.get(), 1) != 0 || getsockname(socket_.get(), raw, &address_.length) != 0) {
      return std::string("a port on 127.0.0.1: ") + std::strerror(errno);
    }
    return "";
  }

  // The child: waits for the announcement, then is the client.
  void StartClient(const rendezvous::Options& options) {
    int go[2];
    int answer[2];
    if (pipe(go) != 0 || pipe(answer) != 0) return;
    UniqueFd go_in(go[0]);
    go_ = UniqueFd(go[1]);
    answer_ = UniqueFd(answer[0]);
    UniqueFd answer_out(answer[1]);
    child_ = fork();
    if (child_ != 0) return;
    go_.Reset();
    socket_.Reset();  // the port is the parent's
    char byte = 0;
    if (read(go_in.get(), &byte, 1) != 1) _exit(0);
    const std::string text = BeClient(address_, options);
    (void)!write(answer_out.get(), text.data(), text.size());
    _exit(0);
  }

  std::string Serve(const rendezvous::Options& options) {
    rendezvous::AcceptHandler handler;
    handler.accept = [this](rendezvous::Connected connected) {
      std::lock_guard lock(mutex_);
      link_ = std::move(connected.link);
      came_.notify_all();
    };
    const auto announcement = rendezvous::Announce(address_, options, std::move(handler));
    if (!announcement) return ToString(announcement.error());
    (void)!write(go_.get(), "g", 1);
    Answer();
    return Hear();
  }

  ~Trial() {
    go_.Reset();
    if (child_ > 0) waitpid(child_, nullptr, 0);
  }

 private:
  void Answer() {
    std::unique_ptr<shm::Link> link;
    {
      std::unique_lock lock(mutex_);
      came_.wait_for(lock, kPatience, [this] { return link_ != nullptr; });
      link = std::move(link_);
    }
    const auto deadline = Clock::now() + kPatience;
    while (link != nullptr && Receive(link.get(), deadline) && Send(link.get())) continue;
  }

  std::string Hear() {
    char text[512];
    const ssize_t got = read(answer_.get(), text, sizeof(text));
    return got > 0 ? Printable(std::string(text, static_cast<size_t>(got)))
                   : "the client ended without a word";
  }

  rendezvous::Address address_;
  UniqueFd socket_;
  UniqueFd go_;
  UniqueFd answer_;
  pid_t child_ = -1;
  std::mutex mutex_;
  std::condition_variable came_;
  std::unique_ptr<shm::Link> link_;
};

}  // namespace

Finding TryLink(const std::string& configured) {
  const rendezvous::Options options = OptionsOf(configured);
  Trial trial;
  std::string outcome = trial.Listen();
  if (outcome.empty()) {
    trial.StartClient(options);
    outcome = trial.Serve(options);
  }
  if (!outcome.empty() && outcome[0] == '+') {
    return {Grade::kGood, "a real link",
            std::to_string(kRounds) + " round trips between two processes, the quickest in " +
                outcome.substr(1) + " us",
            ""};
  }
  return {Grade::kBad, "a real link", outcome, "see what is BAD above"};
}

}  // namespace samehost::cli
