#include "plugin/cli/snapshot.h"

#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>

#include "plugin/base/clock.h"
#include "plugin/base/unique_fd.h"
#include "plugin/cli/left_alone.h"
#include "plugin/cli/open_sockets.h"
#include "plugin/cli/regular_file.h"
#include "plugin/shm/segment.h"

namespace samehost::cli {
namespace {

bool ReadFromFile(const void* context, uint64_t offset, void* buffer, size_t bytes) {
  const int fd = *static_cast<const int*>(context);
  return pread(fd, buffer, bytes, static_cast<off_t>(offset)) == static_cast<ssize_t>(bytes);
}

// Where a link's memory is mapped in a process that has closed its descriptor.
struct Place {
  pid_t pid;
  uint64_t address;
};

bool ReadFromProcess(const void* context, uint64_t offset, void* buffer, size_t bytes) {
  const Place& place = *static_cast<const Place*>(context);
  iovec local = {buffer, bytes};
  iovec remote = {reinterpret_cast<void*>(place.address + offset), bytes};  // NOLINT
  return process_vm_readv(place.pid, &local, 1, &remote, 1, 0) == static_cast<ssize_t>(bytes);
}

class Taker {
 public:
  void Look(const Process& process) {
    bool readable = false;
    const auto descriptors = ListDescriptors(process.pid, &readable);
    if (!readable) {
      if (IsAlive(process.pid)) ++snapshot_.hidden_processes;
      return;
    }
    for (const Descriptor& descriptor : descriptors) {
      const std::string name = MemfdName(descriptor.target);
      if (name == shm::kLinkMemoryName) OnLink(process, descriptor.number);
      if (name == rendezvous::kDecisionMemoryName)
        OnDecisions(process, descriptors, descriptor.number);
    }
    const auto files = ListMappedFiles(process.pid);
    for (const MappedFile& file : files) {
      if (MemfdName(file.path) == shm::kLinkMemoryName && file.offset == 0) {
        OnMapping(process, file);
      }
    }
    for (LeftAlone& one : FindLeftAlone(process, files)) {
      snapshot_.left_alone.push_back(std::move(one));
    }
  }

  Snapshot Finish() {
    for (auto& [id, found] : links_) {
      if (Identify(&found)) snapshot_.links.push_back(std::move(found.link));
    }
    std::sort(snapshot_.links.begin(), snapshot_.links.end(), [](const auto& a, const auto& b) {
      return a.started_unix_nanos() < b.started_unix_nanos();
    });
    snapshot_.other_version_links = other_versions_.size();
    return std::move(snapshot_);
  }

 private:
  struct Found {
    ObservedLink link;
    std::vector<Process> holders;
  };

  static UniqueFd Open(const Process& process, int number) {
    const std::string path =
        "/proc/" + std::to_string(process.pid) + "/fd/" + std::to_string(number);
    return OpenRegularFile(path);  // by now the number may be another file's
  }

  void OnLink(const Process& process, int number) {
    const UniqueFd fd = Open(process, number);
    struct stat status;
    if (!fd.valid() || fstat(fd.get(), &status) != 0) return;
    const int raw = fd.get();
    Note(process, {status.st_dev, status.st_ino}, ReadFromFile, &raw);
  }

  void OnMapping(const Process& process, const MappedFile& file) {
    const Place place{process.pid, file.start};
    Note(process, {file.device, file.inode}, ReadFromProcess, &place);
  }

  void Note(const Process& process, const LinkId& id, ReadAt read, const void* context) {
    const auto known = links_.find(id);
    if (known != links_.end()) {
      known->second.holders.push_back(process);
      return;
    }
    Result<ObservedLink> link = ReadLink(read, context);
    if (!link) {
      if (link.error().code == ErrorCode::kVersion) other_versions_.insert(id);
      return;
    }
    link->id = id;
    links_[id] = Found{*std::move(link), {process}};
  }

  void OnDecisions(const Process& process, const std::vector<Descriptor>& descriptors, int number) {
    const UniqueFd fd = Open(process, number);
    if (!fd.valid()) return;
    const auto decisions = rendezvous::ReadDecisions(fd.get());
    // A child that was forked holds its parent's page.
    if (!decisions || decisions->pid != static_cast<uint32_t>(process.inner_pid)) return;
    for (const auto& record : decisions->records) {
      std::optional<int> sockets;
      if (record.side == rendezvous::DecisionSide::kConnecting &&
          record.reason != FallbackReason::kNone) {
        sockets = CountOpenSockets(process, descriptors, record.address);
      }
      snapshot_.decisions.push_back({process, record, sockets});
    }
  }

  // Finds the two processes. False for what is left of a link whose other side has died.
  static bool Identify(Found* found) {
    bool any = false;
    for (size_t i = 0; i < 2; ++i) {
      ObservedSide& side = found->link.side[i];
      if (!side.started) continue;
      const auto holder =
          std::find_if(found->holders.begin(), found->holders.end(), [&](const Process& process) {
            return static_cast<uint32_t>(process.inner_pid) == side.inner_pid;
          });
      if (holder != found->holders.end()) {
        side.pid = holder->pid;
        side.uid = holder->uid;
        side.name = holder->name;
        side.state = holder->state;
        any = true;
      } else if (!MayBeAlive(*found, i)) {
        return false;
      }
    }
    return any;
  }

  // Whether a process that does not show among the holders can be there at all: another user's, or
  // one in a PID namespace of its own.
  static bool MayBeAlive(const Found& found, size_t side) {
    const ObservedSide& other = found.link.side[1 - side];
    if (other.peer_uid != ~0u && other.peer_pid == 0) return true;  // as in another container
    const uint32_t inner = found.link.side[side].inner_pid;
    for (const Process& holder : found.holders) {
      if (holder.pid != holder.inner_pid) return true;  // numbers of another namespace
    }
    const auto process = ReadProcess(static_cast<pid_t>(inner));
    if (!process || process->state == 'Z') return false;
    bool readable = false;
    (void)ListDescriptors(process->pid, &readable);
    return !readable;  // readable, and it does not hold the link: another process by that number
  }

  Snapshot snapshot_;
  std::map<LinkId, Found> links_;
  std::set<LinkId> other_versions_;
};

}  // namespace

Snapshot TakeSnapshot() {
  Taker taker;
  const uint64_t unix_nanos = WallClockNanos();
  const uint64_t monotonic_nanos = MonotonicNanos();
  for (const Process& process : ListProcesses()) taker.Look(process);
  Snapshot snapshot = taker.Finish();
  snapshot.unix_nanos = unix_nanos;
  snapshot.monotonic_nanos = monotonic_nanos;
  return snapshot;
}

}  // namespace samehost::cli
