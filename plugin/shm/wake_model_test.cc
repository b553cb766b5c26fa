// Runs the sleep protocol of wake.h through every interleaving of two or three threads on a model
// of a processor with store buffers (TSO: a store is seen by the others some time after it was
// made, stores of one thread in order; an atomic exchange and a fence empty the buffer). No wake-up
// may get lost, however the steps and the buffers mix; and without the fence the checker must find
// one that is.
//
// How: each thread is the real template code, run as a coroutine of its own (ucontext) that gives
// the turn away before every access to a shared word. A schedule is a list of choices; all are
// tried, depth first, by running from the start again with the next list.
#include <gtest/gtest.h>
#include <ucontext.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "plugin/shm/wake.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SAMEHOST_NO_COROUTINES 1  // the sanitizers lose track of switched stacks
#else
#define SAMEHOST_NO_COROUTINES 0
#endif

namespace samehost::shm {
namespace {

constexpr size_t kStackBytes = 64 * 1024;

class Model {
 public:
  using Body = std::function<void()>;

  struct Thread {
    ucontext_t context;
    std::unique_ptr<char[]> stack{new char[kStackBytes]};
    Body body;
    bool finished = false;
    bool fenced = false;                                // waits for its stores
    std::deque<std::pair<uint64_t*, uint64_t>> stores;  // made, not yet seen by others
  };

  static Model* current;

  // Every schedule of `threads`; `check` after each. The number of schedules tried; stops at the
  // first that fails the check, and says so in *failed.
  uint64_t Explore(const std::function<std::vector<Body>()>& start,
                   const std::function<bool()>& check, bool* failed) {
    current = this;
    uint64_t schedules = 0;
    choices_.clear();
    *failed = false;
    do {
      RunOnce(start());
      ++schedules;
      if (!check()) {
        *failed = true;
        break;
      }
    } while (NextSchedule());
    current = nullptr;
    return schedules;
  }

  // ---- Called from inside a thread ----
  // Only what others can notice or change needs a choice before it; the rest would only multiply
  // schedules that are the same to everybody.
  uint64_t Load(uint64_t* word) {
    Yield();
    const auto& stores = threads_[running_].stores;
    for (auto it = stores.rbegin(); it != stores.rend(); ++it) {
      if (it->first == word) return it->second;  // a thread sees its own stores
    }
    return *word;
  }
  void Store(uint64_t* word, uint64_t value) {
    threads_[running_].stores.emplace_back(word, value);
  }
  bool CompareExchange(uint64_t* word, uint64_t& expected, uint64_t desired) {
    Yield();
    Drain(threads_[running_]);
    if (*word != expected) {
      expected = *word;
      return false;
    }
    *word = desired;
    return true;
  }
  void Fence() {
    while (!threads_[running_].stores.empty()) {
      threads_[running_].fenced = true;  // goes on when its stores are out
      Yield();
    }
    threads_[running_].fenced = false;
  }

 private:
  struct Choice {
    size_t taken;
    size_t options;
  };

  static void Drain(Thread& thread) {
    while (!thread.stores.empty()) DrainOne(thread);
  }
  static void DrainOne(Thread& thread) {
    *thread.stores.front().first = thread.stores.front().second;
    thread.stores.pop_front();
  }

  void Yield() { swapcontext(&threads_[running_].context, &scheduler_); }

  static void Trampoline() {
    Thread& self = current->threads_[current->running_];
    self.body();
    self.finished = true;
    swapcontext(&self.context, &current->scheduler_);
  }

  void RunOnce(std::vector<Body> bodies) {
    threads_.resize(bodies.size());
    for (size_t i = 0; i < bodies.size(); ++i) {
      Thread& thread = threads_[i];
      thread.body = std::move(bodies[i]);
      thread.finished = false;
      getcontext(&thread.context);
      thread.context.uc_stack.ss_sp = thread.stack.get();
      thread.context.uc_stack.ss_size = kStackBytes;
      thread.context.uc_link = nullptr;
      makecontext(&thread.context, &Model::Trampoline, 0);
    }
    depth_ = 0;
    for (;;) {
      // What may happen next: a thread's next step, or the oldest store of one becoming visible.
      options_.clear();
      for (size_t i = 0; i < threads_.size(); ++i) {
        if (!threads_[i].finished && !threads_[i].fenced) options_.push_back(i);
        if (!threads_[i].stores.empty()) options_.push_back(i + threads_.size());
      }
      if (options_.empty()) return;
      const size_t option = options_[Choose(options_.size())];
      if (option >= threads_.size()) {
        Thread& thread = threads_[option - threads_.size()];
        DrainOne(thread);
        thread.fenced = thread.fenced && !thread.stores.empty();
      } else {
        running_ = option;
        swapcontext(&scheduler_, &threads_[option].context);
      }
    }
  }

  size_t Choose(size_t options) {
    if (depth_ == choices_.size()) choices_.push_back({0, options});
    return choices_[depth_++].taken;
  }

  bool NextSchedule() {
    while (!choices_.empty() && choices_.back().taken + 1 == choices_.back().options) {
      choices_.pop_back();
    }
    if (choices_.empty()) return false;
    ++choices_.back().taken;
    return true;
  }

  std::vector<Thread> threads_;
  ucontext_t scheduler_;
  size_t running_ = 0;
  std::vector<Choice> choices_;
  std::vector<size_t> options_;
  size_t depth_ = 0;
};

Model* Model::current = nullptr;

// What wake.h takes for a std::atomic.
class ModelWord {
 public:
  uint64_t load(std::memory_order) const { return Model::current->Load(&value); }
  void store(uint64_t to, std::memory_order) { Model::current->Store(&value, to); }
  template <typename Number>
  bool compare_exchange_strong(Number& expected, uint64_t desired, std::memory_order) {
    uint64_t was = expected;
    const bool done = Model::current->CompareExchange(&value, was, desired);
    expected = static_cast<Number>(was);
    return done;
  }
  mutable uint64_t value = 0;
};

struct ModelFence {
  static void SeqCst() { Model::current->Fence(); }
};
struct NoFence {
  static void SeqCst() {}
};

// The words of one direction and the sleeper's state at the end of a run.
struct World {
  ModelWord head;
  ModelWord tail;
  ModelWord awaited;
  ModelWord watch;  // of the side that sleeps
  int rings = 0;
  bool slept = false;
  uint64_t seen = 0;
};

// One producer publishes a record while the consumer goes to sleep.
template <typename Fence>
uint64_t PublishAgainstArm(bool* failed) {
  World world;
  using Protocol = WakeProtocol<Fence>;
  return Model().Explore(
      [&] {
        world = World();
        return std::vector<Model::Body>{[&] {
                                          world.head.store(1, std::memory_order_release);
                                          if (Protocol::MustRingForRecords(world.watch))
                                            ++world.rings;
                                        },
                                        [&] {
                                          world.slept = Protocol::Arm(world.watch, [&] {
                                            return world.head.load(std::memory_order_relaxed) != 0;
                                          });
                                        }};
      },
      // Asleep with a record there: the bell must have rung. Rung once at most.
      [&] { return (!world.slept || world.rings == 1) && world.rings <= 1; }, failed);
}

// Busy consumer: a watchman arms for it, the producer publishes and in vain rings the busy one, the
// looker comes back, reads and sets the state anew.
template <typename Fence>
uint64_t PublishAgainstWatchman(bool* failed) {
  World world;
  bool looked = false;
  using Protocol = WakeProtocol<Fence>;
  return Model().Explore(
      [&] {
        world = World();
        world.watch.value = kWatchBusy;
        looked = false;
        return std::vector<Model::Body>{[&] {
                                          world.head.store(1, std::memory_order_release);
                                          if (Protocol::MustRingForRecords(world.watch))
                                            ++world.rings;
                                          if (Protocol::MustRingBusy(world.watch)) ++world.rings;
                                        },
                                        [&] {
                                          // False: the watchman goes and has somebody look.
                                          looked = !Protocol::ArmIfBusy(world.watch, [&] {
                                            return world.head.load(std::memory_order_relaxed) != 0;
                                          });
                                        }};
      },
      // Somebody was rung, or looked, or the state says that the bell will ring with the next
      // record and this one was seen: never asleep on an unread record.
      [&] { return world.rings >= 1 || looked || world.watch.value == kWatchWatched; }, failed);
}

// A sender waits for room and then sleeps, while the reader gives room back in two steps.
template <typename Fence>
uint64_t RoomAgainstAwait(bool* failed) {
  World world;
  using Protocol = WakeProtocol<Fence>;
  return Model().Explore(
      [&] {
        world = World();
        return std::vector<Model::Body>{
            [&] {
              for (const uint64_t tail : {1, 2}) {
                world.tail.store(tail, std::memory_order_release);
                if (Protocol::MustRingForRoom(world.awaited, tail, world.watch)) ++world.rings;
              }
            },
            [&] {
              if (!Protocol::AwaitTail(world.awaited, 2, world.tail)) return;
              world.slept = Protocol::Arm(
                  world.watch, [&] { return world.tail.load(std::memory_order_relaxed) >= 2; });
            }};
      },
      [&] { return !world.slept || world.rings == 1; }, failed);
}

// Two who may ring (a producer and a lease that makes room) and one who sleeps: one ring only.
uint64_t TwoRingers(bool* failed) {
  World world;
  using Protocol = WakeProtocol<ModelFence>;
  return Model().Explore(
      [&] {
        world = World();
        world.awaited.value = 1;
        world.watch.value = kWatchAsleep;
        return std::vector<Model::Body>{
            [&] {
              world.head.store(1, std::memory_order_release);
              if (Protocol::MustRingForRecords(world.watch)) ++world.rings;
            },
            [&] {
              world.tail.store(1, std::memory_order_release);
              if (Protocol::MustRingForRoom(world.awaited, 1, world.watch)) ++world.rings;
            }};
      },
      [&] { return world.rings == 1; }, failed);
}

// A sender that waits for room which only leases hold up, and a reader that goes to sleep: the
// reader sees the wish, or the sender sees the sleeper (Producer::AwaitRoom,
// Consumer::LeasesStopPeer).
template <typename Fence>
uint64_t LeasesAgainstAwait(bool* failed) {
  World world;
  ModelWord taken;
  using Protocol = WakeProtocol<Fence>;
  return Model().Explore(
      [&] {
        world = World();
        taken.value = 0;
        return std::vector<Model::Body>{
            [&] {
              if (!Protocol::AwaitTail(world.awaited, 1, world.tail)) return;
              if (taken.load(std::memory_order_relaxed) < 1) return;
              if (Protocol::MustRingForRecords(world.watch)) ++world.rings;
            },
            [&] {
              taken.store(1, std::memory_order_release);
              world.slept = Protocol::Arm(
                  world.watch, [&] { return world.awaited.load(std::memory_order_relaxed) != 0; });
            }};
      },
      [&] { return !world.slept || world.rings == 1 || world.awaited.value == 0; }, failed);
}

struct Case {
  const char* name;
  uint64_t (*with_fence)(bool*);
  uint64_t (*without_fence)(bool*);
};

class WakeModelTest : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    if (SAMEHOST_NO_COROUTINES) GTEST_SKIP() << "sanitizers do not follow coroutines";
  }
};

TEST_P(WakeModelTest, NoWakeUpIsLost) {
  bool failed = false;
  const uint64_t schedules = GetParam().with_fence(&failed);
  EXPECT_FALSE(failed) << "after " << schedules << " schedules";
  EXPECT_GT(schedules, 20u);
  RecordProperty("schedules", std::to_string(schedules));
}

TEST_P(WakeModelTest, WithoutTheFenceTheCheckerFindsALoss) {
  bool failed = false;
  GetParam().without_fence(&failed);
  EXPECT_TRUE(failed);
}

TEST(WakeModelTwoRingersTest, RingOnce) {
  if (SAMEHOST_NO_COROUTINES) GTEST_SKIP() << "sanitizers do not follow coroutines";
  bool failed = false;
  EXPECT_GT(TwoRingers(&failed), 20u);
  EXPECT_FALSE(failed);
}

INSTANTIATE_TEST_SUITE_P(
    All, WakeModelTest,
    testing::Values(
        Case{"PublishAgainstArm", PublishAgainstArm<ModelFence>, PublishAgainstArm<NoFence>},
        Case{"PublishAgainstWatchman", PublishAgainstWatchman<ModelFence>,
             PublishAgainstWatchman<NoFence>},
        Case{"RoomAgainstAwait", RoomAgainstAwait<ModelFence>, RoomAgainstAwait<NoFence>},
        Case{"LeasesAgainstAwait", LeasesAgainstAwait<ModelFence>, LeasesAgainstAwait<NoFence>}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace samehost::shm
