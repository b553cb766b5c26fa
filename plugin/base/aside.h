// Aside: moves a descriptor that is kept for long to a high number. Programs reckon with low
// numbers: select() takes none from 1024 up, a daemon closes all and expects 0, 1 and 2 to come
// next. And when a program closes every descriptor of its process, ours with them, and opens its
// own, these get the lowest numbers: what we still do with our old numbers then fails. Where a
// number is another file's all the same, UniqueFd notices and keeps its hands off.
//
// Any thread.
#ifndef SAMEHOST_PLUGIN_BASE_ASIDE_H_
#define SAMEHOST_PLUGIN_BASE_ASIDE_H_

#include "plugin/base/unique_fd.h"

namespace samehost {

// Below the usual limit (1024), above what most programs have open.
inline constexpr int kAsideFrom = 512;

// The same file with close-on-exec under a number from kAsideFrom up (under its own where the limit
// is lower, or nothing is free there), which it remembers.
UniqueFd Aside(UniqueFd fd);

}  // namespace samehost

#endif  // SAMEHOST_PLUGIN_BASE_ASIDE_H_
