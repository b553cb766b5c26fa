#include "plugin/rendezvous/decision_page.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "plugin/base/fixed_text.h"
#include "plugin/base/fork_guard.h"
#include "plugin/shm/segment.h"

namespace samehost::rendezvous {
namespace {

template <size_t kSize>
std::string Text(const char (&place)[kSize]) {
  std::string text(place, strnlen(place, kSize));
  for (char& c : text) {
    if (c < 0x20 || c >= 0x7f) c = '?';
  }
  return text;
}

template <size_t kSize>
bool Holds(const char (&place)[kSize], std::string_view text) {
  return std::string_view(place, strnlen(place, kSize)) == text.substr(0, kSize - 1);
}

Error Bad(const char* what) {
  return Error{ErrorCode::kProtocol, 0, std::string("decision page: ") + what};
}

DecisionRecord ToRecord(const DecisionSlot& slot) {
  DecisionRecord record;
  record.side = slot.side == 1 ? DecisionSide::kListening : DecisionSide::kConnecting;
  record.reason = static_cast<FallbackReason>(slot.reason);
  record.unix_nanos = slot.unix_nanos;
  record.times = slot.times;
  record.protocol = Text(slot.protocol);
  record.address = Text(slot.address);
  record.detail = Text(slot.detail);
  return record;
}

}  // namespace

bool DecisionPage::Ready() {
  if (generation_ == ForkGeneration()) return !failed_;
  // A forked child leaves its parent's page alone.
  fd_.Reset();
  mapping_.Reset();
  generation_ = ForkGeneration();
  failed_ = true;
  Result<UniqueFd> fd = shm::MakeSealedMemory(kDecisionMemoryName, kDecisionBytes);
  if (!fd) return false;
  Result<Mapping> mapping = Mapping::Shared(fd->get(), 0, kDecisionBytes, {.populate = true});
  if (!mapping) return false;
  DecisionHeader header = {};
  header.magic = kDecisionMagic;
  header.version = kDecisionVersion;
  header.header_bytes = sizeof(DecisionHeader);
  header.slot_bytes = sizeof(DecisionSlot);
  header.slots = kDecisionSlots;
  header.pid = static_cast<uint32_t>(getpid());
  std::memcpy(mapping->data(), &header, sizeof(header));
  fd_ = *std::move(fd);
  mapping_ = *std::move(mapping);
  failed_ = false;
  return true;
}

DecisionSlot* DecisionPage::Slots() const {
  return reinterpret_cast<DecisionSlot*>(mapping_.data() + kDecisionSlotsOffset);
}

// Where the record goes. `*same`: the same decision as the last one for this address.
DecisionSlot* DecisionPage::Place(const DecisionRecord& record, bool* same) const {
  const std::span<DecisionSlot> slots(Slots(), kDecisionSlots);
  for (DecisionSlot& slot : slots) {
    if (slot.side != static_cast<uint32_t>(record.side) || !Holds(slot.address, record.address) ||
        !Holds(slot.protocol, record.protocol)) {
      continue;
    }
    *same = slot.reason == static_cast<uint32_t>(record.reason);
    return &slot;
  }
  *same = false;
  return &*std::min_element(slots.begin(), slots.end(), [](const auto& a, const auto& b) {
    return a.unix_nanos < b.unix_nanos;
  });
}

void DecisionPage::Write(const DecisionRecord& record) {
  if (record.address.empty() || !Ready()) return;
  bool same = false;
  DecisionSlot* slot = Place(record, &same);
  // relaxed: only this process writes, one thread at a time.
  const uint32_t sequence = slot->sequence.load(std::memory_order_relaxed);
  slot->sequence.store(sequence + 1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);  // SYNC(decision)
  slot->side = static_cast<uint32_t>(record.side);
  slot->reason = static_cast<uint32_t>(record.reason);
  slot->unix_nanos = record.unix_nanos;
  slot->times = same ? slot->times + 1 : 1;
  CopyText(slot->protocol, record.protocol);
  CopyText(slot->address, record.address);
  CopyText(slot->detail, record.detail);
  slot->sequence.store(sequence + 2, std::memory_order_release);  // SYNC(decision)
}

Result<Decisions> ReadDecisions(int fd) {
  // By pread: a private copy. A slot that is written meanwhile is read once more.
  alignas(DecisionSlot) std::array<std::byte, kDecisionBytes> page;
  const ssize_t got = pread(fd, page.data(), page.size(), 0);
  if (got < 0) return SystemError("read of a decision page");
  DecisionHeader header;
  std::memcpy(&header, page.data(), sizeof(header));
  if (got != static_cast<ssize_t>(page.size()) || header.magic != kDecisionMagic) {
    return Bad("no page of ours");
  }
  if (header.version != kDecisionVersion || header.slot_bytes != sizeof(DecisionSlot) ||
      header.slots != kDecisionSlots) {
    return Error{ErrorCode::kVersion, 0, "decision page " + std::to_string(header.version)};
  }
  Decisions out;
  out.pid = header.pid;
  for (size_t i = 0; i < kDecisionSlots; ++i) {
    const size_t offset = kDecisionSlotsOffset + i * sizeof(DecisionSlot);
    for (int attempt = 0; attempt < 8; ++attempt) {
      DecisionSlot slot = {};
      uint32_t after = 0;
      if (pread(fd, static_cast<void*>(&slot), sizeof(slot), static_cast<off_t>(offset)) !=
              static_cast<ssize_t>(sizeof(slot)) ||
          pread(fd, &after, sizeof(after), static_cast<off_t>(offset)) !=
              static_cast<ssize_t>(sizeof(after))) {
        return SystemError("read of a decision page");
      }
      const uint32_t before = slot.sequence.load(std::memory_order_relaxed);
      if (before == 0) break;
      if (before != after || before % 2 != 0) continue;  // SYNC(decision)
      out.records.push_back(ToRecord(slot));
      break;
    }
  }
  std::sort(out.records.begin(), out.records.end(),
            [](const auto& a, const auto& b) { return a.unix_nanos < b.unix_nanos; });
  return out;
}

}  // namespace samehost::rendezvous
