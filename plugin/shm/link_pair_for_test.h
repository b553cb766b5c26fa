// Two ends of one link in one process, for tests.
#ifndef SAMEHOST_PLUGIN_SHM_LINK_PAIR_FOR_TEST_H_
#define SAMEHOST_PLUGIN_SHM_LINK_PAIR_FOR_TEST_H_

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "plugin/base/mapping.h"
#include "plugin/shm/layout.h"
#include "plugin/shm/link.h"

namespace samehost::shm {

inline UniqueFd Duplicate(const UniqueFd& fd) {
  return fd.valid() ? UniqueFd(fcntl(fd.get(), F_DUPFD_CLOEXEC, 0)) : UniqueFd();
}

// The same parts once more, but for the socket: what SCM_RIGHTS makes of them.
inline LinkParts Duplicate(const LinkParts& parts) {
  LinkParts copy;
  copy.segment = Duplicate(parts.segment);
  for (int i : {0, 1}) copy.doorbell[i] = Duplicate(parts.doorbell[i]);
  return copy;
}

inline std::pair<UniqueFd, UniqueFd> SocketPair(int type = SOCK_SEQPACKET) {
  int fds[2] = {-1, -1};
  EXPECT_EQ(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds), 0);
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

// Both ends of one pair of parts. `segment` is one more descriptor of the memory, to tamper with.
struct PartsPair {
  LinkParts connecting;
  LinkParts accepting;
  UniqueFd segment;
};

inline PartsPair MakePartsPair(const LinkOptions& options = {}, bool share_eventfds = true,
                               int socket_type = SOCK_SEQPACKET) {
  auto made = Link::MakeParts(options, share_eventfds);
  EXPECT_TRUE(made.ok()) << ToString(made.error());
  PartsPair pair;
  pair.connecting = *std::move(made);
  pair.accepting = Duplicate(pair.connecting);
  pair.segment = Duplicate(pair.connecting.segment);
  std::tie(pair.connecting.socket, pair.accepting.socket) = SocketPair(socket_type);
  return pair;
}

struct LinkPair {
  explicit LinkPair(const LinkOptions& options = {}, bool share_eventfds = true,
                    int socket_type = SOCK_SEQPACKET, bool trusts_peer = false) {
    PartsPair parts = MakePartsPair(options, share_eventfds, socket_type);
    parts.connecting.trusts_peer = parts.accepting.trusts_peer = trusts_peer;
    segment = std::move(parts.segment);
    auto a = Link::Create(Link::Side::kConnecting, std::move(parts.connecting), options);
    auto b = Link::Create(Link::Side::kAccepting, std::move(parts.accepting), options);
    EXPECT_TRUE(a.ok()) << ToString(a.error());
    EXPECT_TRUE(b.ok()) << ToString(b.error());
    connecting = *std::move(a);
    accepting = *std::move(b);
  }
  std::unique_ptr<Link> connecting;
  std::unique_ptr<Link> accepting;
  UniqueFd segment;
};

inline bool Send(Link& link, std::string_view text) {
  std::byte* place = link.Reserve(text.size());
  if (place == nullptr) return false;
  std::memcpy(place, text.data(), text.size());
  link.Commit(text.size());
  link.Publish();
  return true;
}

inline std::string Text(const Record& record) {
  return std::string(reinterpret_cast<const char*>(record.bytes.data()), record.bytes.size());
}

// Takes one record and gives it back; "" when there is none.
inline std::string Receive(Link& link) {
  Record record;
  if (link.Next(&record) != Link::Take::kRecord) return "";
  std::string text = Text(record);
  link.Done(record);
  return text;
}

// A hand on the shared memory itself: what a peer could do that does not use this code.
class Tamper {
 public:
  explicit Tamper(int segment) {
    auto bytes = SegmentBytes(segment);
    auto mapping = Mapping::Shared(segment, 0, bytes, {});
    EXPECT_TRUE(mapping.ok());
    mapping_ = *std::move(mapping);
    std::memcpy(&header_, mapping_.data(), sizeof(header_));
  }
  SegmentHeader& header() { return *reinterpret_cast<SegmentHeader*>(mapping_.data()); }
  // 0: connecting -> accepting.
  DirectionControl& control(int direction) {
    return *reinterpret_cast<DirectionControl*>(mapping_.data() +
                                                header_.control_offset[direction]);
  }
  std::byte* data(int direction) { return mapping_.data() + header_.data_offset[direction]; }
  size_t ring_bytes(int direction) const { return header_.ring_bytes[direction]; }
  std::byte* all() { return mapping_.data(); }
  size_t size() const { return mapping_.size(); }

 private:
  static size_t SegmentBytes(int segment) {
    struct stat status;
    EXPECT_EQ(fstat(segment, &status), 0);
    return static_cast<size_t>(status.st_size);
  }
  Mapping mapping_;
  SegmentHeader header_;
};

// Descriptors and shared-memory mappings of this process, to see that none is left behind.
inline int OpenDescriptors() {
  int count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    ++count;
  }
  return count;
}
inline int SamehostMappings() {
  std::ifstream maps("/proc/self/maps");
  int count = 0;
  for (std::string line; std::getline(maps, line);) {
    if (line.find("/memfd:samehost-") != std::string::npos) ++count;
  }
  return count;
}

}  // namespace samehost::shm

#endif  // SAMEHOST_PLUGIN_SHM_LINK_PAIR_FOR_TEST_H_
