#include "plugin/zmq/message_memory.h"

#include <new>
#include <utility>

#include "msg.hpp"
#include "plugin/shm/arena.h"
#include "plugin/shm/link.h"

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

bool MessageMemory::IsLarge(const zmq::msg_t& message) { return message.size() >= kFromBytes; }

void MessageMemory::Prefer(const std::shared_ptr<shm::Arena>& arena) {
  const bool same = !preferred.owner_before(arena) && !arena.owner_before(preferred);
  if (!same) preferred = arena;
}

bool MessageMemory::InitLarge(zmq::msg_t* message, size_t bytes) {
  const std::shared_ptr<shm::Arena> arena = preferred.lock();
  if (arena == nullptr) return false;
  const auto use = sent_there ? shm::Arena::Use::kNow : shm::Arena::Use::kLater;
  const auto block = arena->Allocate(bytes, use);
  if (!block) return false;
  if (!Own(message, arena, block->number, {block->data, bytes})) return false;
  sent_there = false;
  return true;
}

void MessageMemory::Free(void*, void* hint) {
  auto* owner = static_cast<Owner*>(hint);
  owner->arena->Free(owner->block);
  delete owner;
}

void* MessageMemory::HintOf(const zmq::msg_t& message, void (*free)(void*, void*)) {
  if (message._u.base.type != zmq::msg_t::type_lmsg) return nullptr;
  // A copy of it that the program keeps would be seen to change by what the receiver does.
  if ((message._u.base.flags & zmq::msg_t::shared) != 0) return nullptr;
  const zmq::msg_t::content_t& content = *message._u.lmsg.content;
  return content.ffn == free ? content.hint : nullptr;
}

std::optional<uint32_t> MessageMemory::BlockOf(const zmq::msg_t& message, const shm::Arena* arena) {
  const auto* owner = static_cast<const Owner*>(HintOf(message, &Free));
  if (owner == nullptr || owner->arena.get() != arena) return std::nullopt;
  sent_there = true;
  return owner->block;
}

void MessageMemory::Return(void*, void* hint) { delete static_cast<shm::Lease*>(hint); }

shm::Lease* MessageMemory::LeaseOf(const zmq::msg_t& message) {
  return static_cast<shm::Lease*>(HintOf(message, &Return));
}

bool MessageMemory::Borrow(zmq::msg_t* message, shm::Borrowed borrowed) {
  auto* lease = new (std::nothrow) shm::Lease(std::move(borrowed.lease));
  if (lease == nullptr) return false;
  // Writable: RendezvousOptions() asks for it.
  auto* data = const_cast<std::byte*>(borrowed.bytes.data());
  if (message->init_data(data, borrowed.bytes.size(), &Return, lease) == 0) return true;
  delete lease;
  return false;
}

bool MessageMemory::Own(zmq::msg_t* message, const std::shared_ptr<shm::Arena>& arena,
                        uint32_t block, std::span<std::byte> bytes) {
  auto* owner = new (std::nothrow) Owner{arena, block};
  if (owner != nullptr && message->init_data(bytes.data(), bytes.size(), &Free, owner) == 0) {
    return true;
  }
  delete owner;
  arena->Free(block);
  return false;
}

}  // namespace samehost::zmq_transport
