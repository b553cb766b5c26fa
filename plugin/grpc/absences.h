// Absences: whether threads that leave the rings with work often stay away for longer than it would
// take to wake somebody else, because their handlers wait or compute. Time in which the kernel had
// taken the processor from them says nothing of the handlers.
//
// Owner: Watch. Any thread; a lost update only delays the estimate.
#ifndef SAMEHOST_PLUGIN_GRPC_ABSENCES_H_
#define SAMEHOST_PLUGIN_GRPC_ABSENCES_H_

#include <atomic>
#include <cstdint>

namespace samehost::grpc_transport {

class Absences {
 public:
  static constexpr uint64_t kLongNs = 100'000;

  // This thread leaves with work.
  void Leave();
  // This thread is back, if it had left.
  void Return();
  // This thread has yielded, which the kernel counts as having lost the processor.
  static void NoteYield();
  // From one long absence in eight on.
  bool OftenLong() const { return score_.load(std::memory_order_relaxed) >= kOften; }

  // One that took so many nanoseconds.
  void Note(uint64_t nanos, bool preempted);

 private:
  static constexpr uint32_t kShortForOneLong = 8;
  static constexpr uint32_t kOften = 2 * kShortForOneLong;

  std::atomic<uint32_t> score_{0};
};

}  // namespace samehost::grpc_transport

#endif  // SAMEHOST_PLUGIN_GRPC_ABSENCES_H_
