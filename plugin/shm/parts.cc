// Link::MakeParts: what the connecting side makes and gives to the other side.
#include <algorithm>
#include <bit>
#include <cstring>

#include "plugin/base/mapping.h"
#include "plugin/shm/doorbell.h"
#include "plugin/shm/layout.h"
#include "plugin/shm/link.h"
#include "plugin/shm/segment.h"

namespace samehost::shm {

LinkOptions InWholePages(LinkOptions options) {
  for (uint32_t* bytes : {&options.initial_ring_bytes, &options.max_ring_bytes}) {
    if (std::has_single_bit(*bytes) && *bytes < PageBytes()) {
      *bytes = static_cast<uint32_t>(PageBytes());
    }
  }
  return options;
}

Result<LinkParts> Link::MakeParts(const LinkOptions& asked, bool share_eventfds) {
  const LinkOptions options = InWholePages(asked);
  if (!ValidRingBytes(options.initial_ring_bytes) || !ValidRingBytes(options.max_ring_bytes) ||
      options.initial_ring_bytes > options.max_ring_bytes) {
    return Error{ErrorCode::kInvalidArgument, 0, "ring sizes in LinkOptions"};
  }
  const SegmentHeader header =
      MakeHeader({options.initial_ring_bytes, options.initial_ring_bytes}, options.max_ring_bytes);
  LinkParts parts;
  Result<UniqueFd> segment = MakeSealedMemory(kLinkMemoryName, header.segment_bytes);
  if (!segment.ok()) return segment.error();
  parts.segment = *std::move(segment);
  Result<Mapping> page = Mapping::Shared(parts.segment.get(), 0, PageBytes(), {});
  if (!page.ok()) return page.error();
  std::memcpy(page->data(), &header, sizeof(header));
  for (UniqueFd& doorbell : parts.doorbell) {
    if (!share_eventfds) break;
    Result<UniqueFd> made = Doorbell::MakeEventFd();
    if (!made.ok()) return made.error();
    doorbell = *std::move(made);
  }
  return parts;
}

}  // namespace samehost::shm
