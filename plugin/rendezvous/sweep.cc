#include "plugin/rendezvous/sweep.h"

#include <signal.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <vector>

#include "plugin/base/fork_guard.h"
#include "plugin/rendezvous/entry.h"

namespace samehost::rendezvous {
namespace {

constexpr std::chrono::seconds kPause{1};

// Lets a process sweep once in each kPause; a forked child has not swept yet. Without a lock, which
// a fork() could leave locked. Two threads that come at once may both go: that harms nobody.
class Limiter {
 public:
  bool MayGo() {
    const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
    const auto pause = std::chrono::steady_clock::duration(kPause).count();
    // relaxed: the two order nothing.
    const bool same_process = generation_.load(std::memory_order_relaxed) == ForkGeneration();
    const auto last = last_.load(std::memory_order_relaxed);
    if (same_process && last != 0 && now - last < pause) return false;
    generation_.store(ForkGeneration(), std::memory_order_relaxed);
    last_.store(now, std::memory_order_relaxed);
    return true;
  }

 private:
  std::atomic<uint64_t> generation_{0};
  std::atomic<std::chrono::steady_clock::rep> last_{0};  // 0: never
};

// Another pid namespace's process may have the number of one of ours: then nothing is known.
bool IsSeen(pid_t pid) { return kill(pid, 0) == 0 || errno != ESRCH; }

void RotateAtRandom(std::vector<EntryName>* names) {
  if (names->empty()) return;
  uint32_t random = 0;
  (void)!getrandom(&random, sizeof(random), GRND_NONBLOCK);
  const auto start = static_cast<ptrdiff_t>(random % names->size());
  std::rotate(names->begin(), names->begin() + start, names->end());
}

size_t Sweep(const UserFolder& folder, size_t most, bool only_unseen) {
  if (folder.owner != geteuid()) return 0;
  std::vector<EntryName> names = ListEntryNames(folder);
  RotateAtRandom(&names);
  size_t removed = 0;
  for (const EntryName& entry : names) {
    if (only_unseen && IsSeen(entry.pid)) continue;
    if (most-- == 0) break;
    // The name of a server that has just ended is gone when its socket refuses.
    if (RefusesConnections(folder, entry.name) && RemoveEntry(folder, entry.name)) ++removed;
  }
  return removed;
}

}  // namespace

void SweepAsServer(const std::shared_ptr<UserFolder>& folder) {
  static Limiter limiter;
  if (limiter.MayGo()) Sweep(*folder, kMaxSweptByServer, /*only_unseen=*/false);
}

void SweepAsClient(const std::shared_ptr<UserFolder>& folder) {
  static Limiter limiter;
  if (limiter.MayGo()) Sweep(*folder, kMaxSweptByClient, /*only_unseen=*/true);
}

size_t SweepOwnFolders(const std::string& configured) {
  size_t removed = 0;
  for (const auto& folder : FindOwnFolders(configured)) {
    removed += Sweep(*folder, kMaxSweptByCommand, /*only_unseen=*/false);
  }
  return removed;
}

}  // namespace samehost::rendezvous
