// ArenaView: the peer's arena (arena.h) as the receiving side sees it: its blocks, mapped for
// reading.
//
// Owner: the link. Threads: Receive() and Drop() whoever reads the socket, one thread at a time;
// Borrow() the consuming thread, SendBack() the producing one; memory_bytes() any. What is borrowed
// keeps its block mapped on its own. A peer that breaks the rules breaks the link.
#ifndef SAMEHOST_PLUGIN_SHM_ARENA_VIEW_H_
#define SAMEHOST_PLUGIN_SHM_ARENA_VIEW_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "plugin/base/mapping.h"
#include "plugin/shm/breaker.h"
#include "plugin/shm/frame.h"
#include "plugin/shm/layout.h"
#include "plugin/shm/link.h"

namespace samehost::shm {

class ArenaView {
 public:
  // `control`: of the direction that this side consumes; it lies in `memory`, which what is
  // borrowed keeps. `breaker` outlives this object. `max_bytes`: of all blocks together; 0: takes
  // none.
  ArenaView(DirectionControl* control, std::shared_ptr<const Mapping> memory, Breaker* breaker,
            uint32_t max_bytes, bool writable_blocks = false);
  ~ArenaView();

  void Receive(ReceivedFrame frame);
  void Drop(uint32_t number);
  Borrowed Borrow(const BlockReference& reference);
  std::optional<BlockReference> SendBack(Lease* lease, std::span<const std::byte> bytes);
  size_t memory_bytes() const;

 private:
  class View;
  struct Unref {
    void operator()(View* view) const;
  };

  DirectionControl* const control_;
  const std::shared_ptr<const Mapping> memory_;
  Breaker* const breaker_;
  const uint32_t max_bytes_;
  const bool writable_blocks_;
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<View, Unref>> views_;  // by number; under mutex_
  size_t bytes_ = 0;                                 // under mutex_
};

}  // namespace samehost::shm

#endif  // SAMEHOST_PLUGIN_SHM_ARENA_VIEW_H_
