#include "plugin/shm/rhythm.h"

#include <algorithm>
#include <cstdlib>

namespace samehost::shm {
namespace {

constexpr int kAgreedEnough = 8;
constexpr int kAgreedAtMost = 32;
constexpr int kStrayWeighs = 2;
// An arrival counts as in time within this part of the interval.
constexpr uint64_t kInTimePart = 4;
// A looser rhythm than this is none: looking would cost more than a wake-up saves.
constexpr uint64_t kLoosestPart = 8;
constexpr uint64_t kLoosestNanos = 32'000;
// The window begins and ends so many mean deviations from the due time: of a bell curve 94 % come
// after its begin and 98 % before its end.
constexpr uint64_t kDeviationsBefore = 2;
constexpr uint64_t kDeviationsAfter = 3;
constexpr uint64_t kSlackNanos = 10'000;

uint64_t Distance(uint64_t a, uint64_t b) { return a > b ? a - b : b - a; }

// Moves `value` towards `target` by one part of the way.
void Approach(uint64_t& value, uint64_t target, int64_t part) {
  value += static_cast<uint64_t>(static_cast<int64_t>(target - value) / part);
}

}  // namespace

void Rhythm::StartOver(uint64_t interval) {
  const bool possible = interval >= kShortestNanos && interval <= kLongestNanos;
  interval_ = possible ? interval : 0;
  due_ = last_arrival_ + interval_;
  deviation_ = interval_ / kLoosestPart;
  agreed_ = 0;
}

void Rhythm::NoteArrival(uint64_t at) {
  if (at <= last_input_) return;
  const bool burst = at - last_input_ < kBurstNanos;
  last_input_ = at;
  if (burst) return;
  const uint64_t interval = at - last_arrival_;
  last_arrival_ = at;
  if (interval_ == 0) return StartOver(interval);
  // Beats that were left out change nothing.
  while (due_ + interval_ / 2 < at && interval <= kLongestNanos) due_ += interval_;
  const uint64_t error = Distance(at, due_);
  if (error > interval_ / kInTimePart) {
    agreed_ -= kStrayWeighs;
    if (agreed_ < 0 || interval > kLongestNanos) return StartOver(interval);
    due_ += interval_;
    return;
  }
  agreed_ = std::min(agreed_ + 1, kAgreedAtMost);
  // What comes very late (the processor was taken away) says little about the rest.
  const uint64_t bounded = std::min(error, 3 * deviation_ + kSlackNanos);
  Approach(deviation_, bounded, 8);
  // An alpha-beta filter, critically damped: fast while it learns, then steady.
  const bool learning = agreed_ < kAgreedEnough;
  const int64_t off = at > due_ ? static_cast<int64_t>(bounded) : -static_cast<int64_t>(bounded);
  interval_ += static_cast<uint64_t>(off / (learning ? 6 : 28));
  due_ += interval_ + static_cast<uint64_t>(off / (learning ? 2 : 4));
}

std::optional<Rhythm::Window> Rhythm::Next() const {
  if (interval_ < kShortestNanos || agreed_ < kAgreedEnough) return std::nullopt;
  if (deviation_ > std::min(interval_ / kLoosestPart, kLoosestNanos)) return std::nullopt;
  return Window{due_ - kDeviationsBefore * deviation_ - kSlackNanos,
                due_ + kDeviationsAfter * deviation_ + kSlackNanos};
}

}  // namespace samehost::shm
