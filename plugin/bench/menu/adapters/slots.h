// Slots: how the mechanisms that are made of bare shared memory lay it out: for each direction some
// slots of one piece each, filled and emptied in turn. Who waits how for a filled or an empty slot
// is the mechanism's affair. SlotMemory maps it.
#ifndef SAMEHOST_PLUGIN_BENCH_MENU_ADAPTERS_SLOTS_H_
#define SAMEHOST_PLUGIN_BENCH_MENU_ADAPTERS_SLOTS_H_

#include <cstring>

#include "plugin/base/mapping.h"
#include "plugin/bench/menu/channel.h"
#include "plugin/bench/menu/place.h"

namespace samehost::bench::menu {

inline constexpr size_t kSlotPiece = 64 * 1024 + 8;
inline constexpr uint32_t kSlotCount = 4;

struct Slot {
  uint64_t size;
  std::byte bytes[kSlotPiece];

  void Fill(std::span<const std::byte> head, std::span<const std::byte> body) {
    size = head.size() + body.size();
    if (!head.empty()) std::memcpy(bytes, head.data(), head.size());
    if (!body.empty()) std::memcpy(bytes + head.size(), body.data(), body.size());
  }
  std::span<const std::byte> piece() const { return {bytes, size}; }
};

enum class Backing {
  kPosixShm,  // shm_open
  kFile,      // an ordinary file in the place's directory
};

// The server makes the memory, `bytes` of zeros, and the client opens it by its name.
// `prepare` runs on the server before the client sees it.
template <typename Prepare>
Mapping MapTogether(const Place& place, Backing backing, size_t bytes, Prepare prepare);

UniqueFd OpenBacking(const Place& place, Backing backing, size_t bytes);
void UnlinkBacking(const Place& place, Backing backing);
Mapping MapBacking(const UniqueFd& fd, size_t bytes);
size_t WholePages(size_t bytes);

template <typename Prepare>
Mapping MapTogether(const Place& place, Backing backing, size_t bytes, Prepare prepare) {
  bytes = WholePages(bytes);
  if (!place.server()) place.peer.Meet();
  Mapping mapping = MapBacking(OpenBacking(place, backing, bytes), bytes);
  if (place.server()) {
    prepare(mapping.data());
    place.peer.Meet();
  }
  place.peer.Meet();  // both have it open
  if (place.server()) UnlinkBacking(place, backing);
  return mapping;
}

}  // namespace samehost::bench::menu

#endif  // SAMEHOST_PLUGIN_BENCH_MENU_ADAPTERS_SLOTS_H_
