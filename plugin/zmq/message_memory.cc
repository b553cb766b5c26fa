#include "plugin/zmq/message_memory.h"

#include <new>
#include <utility>

#include "msg.hpp"
#include "plugin/shm/arena.h"

namespace samehost::zmq_transport {
namespace {

// Weak: a link that has ended gives its memory back.
thread_local std::weak_ptr<shm::Arena> preferred;
// The last message of this thread that was made there has been sent there: the next one is taken to
// be, and announced, so that the peer is awake when it comes.
thread_local bool sent_there = true;

}  // namespace

// Of one block; belongs to the message.
struct MessageMemory::Owner {
  std::shared_ptr<shm::Arena> arena;
  uint32_t block;
};

void MessageMemory::Prefer(const std::shared_ptr<shm::Arena>& arena) {
  const bool same = !preferred.owner_before(arena) && !arena.owner_before(preferred);
  if (!same) preferred = arena;
}

bool MessageMemory::InitLarge(zmq::msg_t* message, size_t bytes) {
  std::shared_ptr<shm::Arena> arena = preferred.lock();
  if (arena == nullptr) return false;
  const auto use = sent_there ? shm::Arena::Use::kNow : shm::Arena::Use::kLater;
  const auto block = arena->Allocate(bytes, use);
  if (!block) return false;
  auto* owner = new (std::nothrow) Owner{std::move(arena), block->number};
  if (owner != nullptr && message->init_data(block->data, bytes, &Free, owner) == 0) {
    sent_there = false;
    return true;
  }
  if (owner != nullptr) {
    Free(block->data, owner);
  } else {
    arena->Free(block->number);
  }
  return false;
}

void MessageMemory::Free(void*, void* hint) {
  auto* owner = static_cast<Owner*>(hint);
  owner->arena->Free(owner->block);
  delete owner;
}

std::optional<uint32_t> MessageMemory::BlockOf(const zmq::msg_t& message, const shm::Arena* arena) {
  if (message._u.base.type != zmq::msg_t::type_lmsg) return std::nullopt;
  // A copy of it that the program keeps would be seen to change by what the receiver does.
  if ((message._u.base.flags & zmq::msg_t::shared) != 0) return std::nullopt;
  const zmq::msg_t::content_t& content = *message._u.lmsg.content;
  if (content.ffn != &Free) return std::nullopt;
  const auto* owner = static_cast<const Owner*>(content.hint);
  if (owner->arena.get() != arena) return std::nullopt;
  sent_there = true;
  return owner->block;
}

}  // namespace samehost::zmq_transport
