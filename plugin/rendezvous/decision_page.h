// DecisionPage: a process's last decisions, address by address, in memory that the `samehost`
// command can read while the process runs, hangs or is stopped. It has no name in any file system
// and goes with the process: a sealed memfd that shows in /proc/PID/fd.
//
//   0      DecisionHeader
//   64     DecisionSlot[kDecisionSlots]
//
// Written by one process; whoever reads it believes nothing.
#ifndef SAMEHOST_PLUGIN_RENDEZVOUS_DECISION_PAGE_H_
#define SAMEHOST_PLUGIN_RENDEZVOUS_DECISION_PAGE_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "plugin/base/mapping.h"
#include "plugin/base/result.h"
#include "plugin/base/unique_fd.h"
#include "plugin/rendezvous/fallback_reason.h"

namespace samehost::rendezvous {

// The memfd's name.
inline constexpr char kDecisionMemoryName[] = "samehost-decisions";
inline constexpr uint64_t kDecisionMagic = 0x6465632d74736873;  // "shst-ced", little endian
inline constexpr uint32_t kDecisionVersion = 1;
inline constexpr size_t kDecisionSlots = 40;

enum class DecisionSide : uint32_t { kConnecting = 0, kListening = 1 };

// What was decided last for one address.
struct DecisionRecord {
  DecisionSide side = DecisionSide::kConnecting;
  FallbackReason reason = FallbackReason::kNone;  // kNone: shared memory
  uint64_t unix_nanos = 0;                        // when last
  uint64_t times = 0;                             // the same decision in a row
  std::string protocol;                           // "grpc", "zmq"
  std::string address;
  std::string detail;
};

struct DecisionHeader {
  uint64_t magic;
  uint32_t version;
  uint32_t header_bytes;
  uint32_t slot_bytes;
  uint32_t slots;
  uint32_t pid;  // as the process sees itself
  uint32_t reserved;
};

// SYNC(decision): `sequence` is odd while the slot is being written; a reader that sees another
// number before and after takes nothing.
struct DecisionSlot {
  std::atomic<uint32_t> sequence;  // 0: never used
  uint32_t side;
  uint32_t reason;
  uint32_t reserved;
  uint64_t unix_nanos;
  uint64_t times;
  char protocol[16];
  char address[136];
  char detail[216];
};
static_assert(sizeof(DecisionHeader) == 32);
static_assert(sizeof(DecisionSlot) == 400);
static_assert(std::is_trivially_copyable_v<DecisionHeader>);
static_assert(std::atomic<uint32_t>::is_always_lock_free);
inline constexpr size_t kDecisionSlotsOffset = 64;
inline constexpr size_t kDecisionBytes = 16384;
static_assert(kDecisionSlotsOffset + kDecisionSlots * sizeof(DecisionSlot) <= kDecisionBytes);

// The writer. One object for a process; the caller sees to one thread at a time. In a forked child
// it begins a page of its own. Failure (no memory, no descriptors): it goes without.
class DecisionPage {
 public:
  DecisionPage() = default;
  // Replaces what was there for this address, side and protocol, or the oldest.
  void Write(const DecisionRecord& record);

 private:
  bool Ready();
  DecisionSlot* Slots() const;
  DecisionSlot* Place(const DecisionRecord& record, bool* same) const;

  UniqueFd fd_;
  Mapping mapping_;
  uint64_t generation_ = 0;
  bool failed_ = false;
};

struct Decisions {
  uint32_t pid = 0;                     // as the process sees itself
  std::vector<DecisionRecord> records;  // oldest first; text is printable
};
// Reads another process's page. Errors: kProtocol, kVersion, kSystem.
Result<Decisions> ReadDecisions(int fd);

}  // namespace samehost::rendezvous

#endif  // SAMEHOST_PLUGIN_RENDEZVOUS_DECISION_PAGE_H_
