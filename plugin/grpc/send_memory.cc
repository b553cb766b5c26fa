#include "plugin/grpc/send_memory.h"

#include <array>
#include <utility>

#include "plugin/grpc/tsan.h"

namespace samehost::grpc_transport {
namespace {

// Where the large messages of one channel from one thread went.
struct Route {
  const void* channel = nullptr;
  std::weak_ptr<SendMemory> memory;
  bool steady = false;  // all of late went there

  bool LedTo(const std::shared_ptr<SendMemory>& other) const {
    return !memory.owner_before(other) && !other.owner_before(memory);
  }
};

// Few, as threads that serve very many channels in turn would guess badly anyway.
thread_local std::array<Route, 8> t_routes;
thread_local const void* t_channel = nullptr;

Route& RouteOfThread() {
  const auto address = reinterpret_cast<uintptr_t>(t_channel);
  return t_routes[((address >> 6) ^ (address >> 12)) % t_routes.size()];
}

}  // namespace

SendMemory::SendMemory(std::shared_ptr<shm::Arena> arena)
    : arena_(std::move(arena)), blocks_(shm::kMaxBlocks) {}

void SendMemory::SetChannelOfThread(const void* channel) { t_channel = channel; }

void SendMemory::NoteSent(const std::shared_ptr<SendMemory>& memory) {
  if (memory != nullptr) memory->SetActive(true);
  Route& route = RouteOfThread();
  // The first one is believed; after a wrong guess it takes two that agree.
  const bool known = route.channel == t_channel;
  const bool agrees = route.LedTo(memory);
  route.steady = agrees || !known;
  if (known && agrees) return;
  route.channel = t_channel;
  route.memory = memory;
}

bool SendMemory::AllocateForThread(size_t bytes, grpc_slice* slice) {
  const Route& route = RouteOfThread();
  if (route.channel != t_channel || !route.steady) return false;
  const std::shared_ptr<SendMemory> memory = route.memory.lock();
  return memory != nullptr && memory->Allocate(bytes, slice);
}

bool SendMemory::Allocate(size_t bytes, grpc_slice* slice) {
  if (!active_.load(std::memory_order_relaxed)) return false;
  const std::optional<shm::Arena::Block> block = arena_->Allocate(bytes);
  if (!block.has_value()) return false;
  slice->refcount = &blocks_[block->number].emplace(shared_from_this(), *block);
  slice->data.refcounted.bytes = reinterpret_cast<uint8_t*>(block->data);
  slice->data.refcounted.length = bytes;
  HandedOn(slice->refcount);
  return true;
}

void SendMemory::Block::Destroy(grpc_slice_refcount* base) {
  auto* self = static_cast<Block*>(base);
  TakenOver(self);
  const std::shared_ptr<SendMemory> owner = std::move(self->owner);
  const uint32_t number = self->block.number;
  owner->blocks_[number].reset();
  owner->arena_->Free(number);
}

bool SendMemory::Holds(const grpc_slice& slice, shm::BlockReference* where) const {
  const auto* at = reinterpret_cast<const char*>(slice.refcount);
  const auto* begin = reinterpret_cast<const char*>(blocks_.data());
  if (at < begin || at >= begin + blocks_.size() * sizeof(blocks_[0])) return false;
  const shm::Arena::Block& block = static_cast<const Block*>(slice.refcount)->block;
  const auto* data = reinterpret_cast<const uint8_t*>(block.data);
  where->block = block.number;
  where->offset = static_cast<uint32_t>(GRPC_SLICE_START_PTR(slice) - data);
  where->length = static_cast<uint32_t>(GRPC_SLICE_LENGTH(slice));
  return true;
}

}  // namespace samehost::grpc_transport
