#include "plugin/base/descriptor_headroom.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <climits>

namespace samehost {
namespace {

// Descriptors fill up from the bottom, so few tries tell; a table full of holes is given up on.
constexpr int kMostTries = 4096;

std::atomic<bool> pretended{false};

}  // namespace

bool DescriptorsAllow(int count) {
  if (pretended.load(std::memory_order_relaxed)) return true;  // relaxed: tests set it beforehand
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return true;
  int number = static_cast<int>(std::min<rlim_t>(limit.rlim_cur, INT_MAX));
  for (int tries = 0; count > 0 && number > 0 && tries < kMostTries; ++tries) {
    if (fcntl(--number, F_GETFD) < 0) --count;
  }
  return count == 0;
}

void PretendDescriptorsForTesting(bool enough) {
  pretended.store(enough, std::memory_order_relaxed);
}

}  // namespace samehost
