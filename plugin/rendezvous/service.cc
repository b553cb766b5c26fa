#include "plugin/rendezvous/service.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <system_error>

#include "plugin/base/aside.h"
#include "plugin/base/fork_guard.h"
#include "plugin/rendezvous/message_io.h"

namespace samehost::rendezvous {
namespace {

// Handshakes at once. More clients wait in the backlog; they are answered within microseconds as a
// rule.
constexpr size_t kMaxHandshakes = 64;
constexpr std::chrono::milliseconds kAcceptPause{50};

// What the process has; never destroyed, since announcements may outlive main().
struct Shared {
  std::mutex mutex;
  std::shared_ptr<Service> current;
  std::shared_ptr<Service> inherited;  // from the parent process: kept, never used
};

Shared& TheShared() {
  static Shared* shared = new Shared;
  return *shared;
}

// Signals are for the program's own threads.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

UniqueFd OpenReserve() { return Aside(UniqueFd(open("/dev/null", O_RDONLY | O_CLOEXEC))); }

}  // namespace

// Holds the mutex across fork(), so that the child finds everything whole, and closes what would
// make the child look like a server.
struct Service::ForkHandlers {
  static void Prepare() { TheShared().mutex.lock(); }
  static void Parent() { TheShared().mutex.unlock(); }
  static void Child() {
    Shared& shared = TheShared();
    if (shared.current != nullptr) {
      for (const auto& announced : shared.current->announced_) announced->entry.listener.Reset();
      shared.current->next_inherited_ = std::move(shared.inherited);
      shared.inherited = std::move(shared.current);
    }
    shared.mutex.unlock();
  }
  static void Register() {
    static const int registered = pthread_atfork(&Prepare, &Parent, &Child);
    (void)registered;
  }
};

Result<std::shared_ptr<Service>> Service::Add(const std::shared_ptr<Announced>& announced) {
  ForkHandlers::Register();
  Shared& shared = TheShared();
  std::lock_guard lock(shared.mutex);
  if (shared.current == nullptr) {
    auto started = Start();
    if (!started) return started.error();
    shared.current = *std::move(started);
  }
  shared.current->announced_.push_back(announced);
  shared.current->Wake();
  return shared.current;
}

Result<std::shared_ptr<Service>> Service::Start() {
  std::shared_ptr<Service> service(new Service);
  service->wake_ = Aside(UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)));
  if (!service->wake_.valid()) return SystemError("eventfd");
  service->reserve_ = OpenReserve();
  SignalsBlocked blocked;
  try {
    // The thread keeps the service alive for as long as it runs.
    service->thread_ = std::thread([service] { service->Run(); });
  } catch (const std::system_error& error) {
    return Error{ErrorCode::kSystem, error.code().value(), "start the rendezvous thread"};
  }
  pthread_setname_np(service->thread_.native_handle(), "samehost-rdv");
  return service;
}

void Service::Remove(const std::shared_ptr<Service>& service,
                     const std::shared_ptr<Announced>& announced) {
  if (service->generation_ != ForkGeneration()) return;
  Shared& shared = TheShared();
  const bool on_thread = std::this_thread::get_id() == service->thread_.get_id();
  std::unique_lock lock(shared.mutex);
  announced->closed.store(true, std::memory_order_relaxed);
  std::erase(service->announced_, announced);
  // Knocks at the door are refused from here on; the descriptor goes when the thread lets go of it.
  if (announced->entry.listener.Intact()) shutdown(announced->entry.listener.get(), SHUT_RDWR);
  const bool woken = service->Wake();
  const bool last = service->announced_.empty();
  if (last) {
    service->ending_ = true;
    if (shared.current == service) shared.current.reset();
  }
  if (on_thread) {
    if (last) service->thread_.detach();
    return;
  }
  service->released_.wait(lock, [&] { return service->held_ != announced.get(); });
  AcceptHandler handler = std::move(announced->handler);
  lock.unlock();
  if (!last) return;
  // Without its descriptor the thread does not hear; it ends by itself at the next event.
  woken ? service->thread_.join() : service->thread_.detach();
}

Service::Service() : generation_(ForkGeneration()) {}

Service::~Service() = default;

bool Service::Wake() {
  const uint64_t one = 1;
  // Full means that a wake-up is on its way already.
  return wake_.Intact() &&
         (write(wake_.get(), &one, sizeof(one)) == sizeof(one) || errno == EAGAIN);
}

void Service::Run() {
  netns_ = CurrentNetns();
  Announcements announcements;
  while (!lost_ && Snapshot(&announcements)) {
    Poll(announcements);
    StepHandshakes();
  }
  if (lost_) StepDown();
  for (ServerHandshake& handshake : handshakes_) handshake.Abandon();
}

// The program has closed the descriptors of its whole process. Who announces next starts afresh.
void Service::StepDown() {
  Shared& shared = TheShared();
  std::shared_ptr<Service> self;
  std::lock_guard lock(shared.mutex);
  if (shared.current.get() == this) self = std::move(shared.current);
}

bool Service::Snapshot(Announcements* out) {
  // The old ones go outside the lock: the last owner of a handler may run destructors.
  Announcements next;
  {
    std::lock_guard lock(TheShared().mutex);
    if (ending_) return false;
    next = announced_;
  }
  std::swap(*out, next);
  return true;
}

int Service::TimeoutMs() const {
  const auto now = Clock::now();
  auto wake_at = accept_again_at_ > now ? accept_again_at_ : Clock::time_point::max();
  for (const ServerHandshake& handshake : handshakes_)
    wake_at = std::min(wake_at, handshake.wake_at());
  if (wake_at == Clock::time_point::max()) return -1;
  if (wake_at <= now) return 0;
  return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(wake_at - now).count());
}

void Service::Poll(const Announcements& announcements) {
  const bool accepting = handshakes_.size() < kMaxHandshakes && Clock::now() >= accept_again_at_;
  std::vector<pollfd> polled = {{wake_.get(), POLLIN, 0}};
  for (const ServerHandshake& handshake : handshakes_)
    polled.push_back({handshake.socket(), POLLIN, 0});
  const size_t first_listener = polled.size();
  for (const auto& announced : announcements) {
    // A negative descriptor is passed over.
    polled.push_back({accepting ? announced->entry.listener.get() : -1, POLLIN, 0});
  }
  if (poll(polled.data(), polled.size(), TimeoutMs()) <= 0) return;
  lost_ = !wake_.Intact();
  for (const auto& announced : announcements) lost_ = lost_ || !announced->entry.listener.Intact();
  if (lost_) return;
  uint64_t ignored;
  if (polled[0].revents != 0) (void)!read(wake_.get(), &ignored, sizeof(ignored));
  for (size_t i = first_listener; i < polled.size(); ++i) {
    if (polled[i].revents != 0) AcceptFrom(announcements[i - first_listener]);
  }
}

void Service::AcceptFrom(const std::shared_ptr<Announced>& announced) {
  while (handshakes_.size() < kMaxHandshakes) {
    UniqueFd socket(
        accept4(announced->entry.listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (socket.valid()) {
      handshakes_.emplace_back(announced, std::move(socket), netns_);
      continue;
    }
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (errno == EMFILE || errno == ENFILE) RefuseOne(announced->entry.listener.get());
    return;
  }
}

// Takes one client with the descriptor kept for this, so that it hears why.
void Service::RefuseOne(int listener) {
  accept_again_at_ = Clock::now() + kAcceptPause;
  reserve_.Reset();
  UniqueFd socket(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (socket.valid()) {
    const Refuse refusal{FallbackReason::kDescriptorsShort,
                         "the server has no file descriptors left"};
    (void)SendMessage(socket.get(), Encode(refusal));
    socket.Reset();
    accept_again_at_ = {};
  }
  reserve_ = OpenReserve();
}

void Service::StepHandshakes() {
  for (size_t left = handshakes_.size(); left > 0; --left) {
    ServerHandshake handshake = std::move(handshakes_.front());
    handshakes_.pop_front();
    if (!Hold(handshake)) {
      handshake.Abandon();
    } else if (StepHeld(handshake)) {
      handshakes_.push_back(std::move(handshake));
    }
  }
}

bool Service::Hold(const ServerHandshake& handshake) {
  std::lock_guard lock(TheShared().mutex);
  if (handshake.announced()->closed.load(std::memory_order_relaxed)) return false;
  held_ = handshake.announced().get();
  return true;
}

bool Service::StepHeld(ServerHandshake& handshake) {
  const bool goes_on = handshake.Step();
  {
    std::lock_guard lock(TheShared().mutex);
    held_ = nullptr;
  }
  released_.notify_all();
  return goes_on;
}

}  // namespace samehost::rendezvous
