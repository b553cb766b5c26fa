// Rhythm: whether input comes at regular intervals, and when the next is due. A reader that knows
// can wake up just ahead of a message instead of being woken by it, so that the wake-up is no part
// of the message's way.
//
// Owner: whoever waits for one link. One thread at a time. Pure arithmetic on times it is given;
// cannot fail.
#ifndef SAMEHOST_PLUGIN_SHM_RHYTHM_H_
#define SAMEHOST_PLUGIN_SHM_RHYTHM_H_

#include <cstdint>
#include <optional>

namespace samehost::shm {

class Rhythm {
 public:
  // Shorter intervals are for looking all the time, longer ones for doorbells.
  static constexpr uint64_t kShortestNanos = 200'000;
  static constexpr uint64_t kLongestNanos = 50'000'000;
  // Input that follows so soon belongs to the same arrival.
  static constexpr uint64_t kBurstNanos = 100'000;

  // Times are in monotonic nanoseconds.
  struct Window {
    uint64_t begin, end;
  };

  // Input came at this time.
  void NoteArrival(uint64_t at);
  // When the next arrival is due; nothing while there is no rhythm, or too loose a one for looking
  // to cost less than it gains.
  std::optional<Window> Next() const;
  // Nanoseconds between arrivals; 0: no rhythm.
  uint64_t interval() const { return Next().has_value() ? interval_ : 0; }

 private:
  void StartOver(uint64_t interval);

  uint64_t last_input_ = 0;
  uint64_t last_arrival_ = 0;
  uint64_t due_ = 0;        // the next arrival
  uint64_t interval_ = 0;   // between arrivals; 0: not known
  uint64_t deviation_ = 0;  // mean distance of an arrival from when it was due
  int agreed_ = 0;          // rises with arrivals in time, falls with others
};

}  // namespace samehost::shm

#endif  // SAMEHOST_PLUGIN_SHM_RHYTHM_H_
