// Who hears the doorbells: the listener alone while there is one, else gRPC's pollers.
#include "plugin/grpc/doorbell_set.h"

#include <grpc/grpc.h>
#include <grpc/support/alloc.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <limits>
#include <thread>

#include "plugin/shm/link_pair_for_test.h"
#include "src/core/lib/iomgr/exec_ctx.h"
#include "src/core/lib/iomgr/pollset.h"

namespace samehost::grpc_transport {
namespace {

using Outcome = Watch::Outcome;
constexpr uint64_t kForEver = std::numeric_limits<uint64_t>::max();

// A link of which only the doorbell is of interest.
class Bell final : public Watched {
 public:
  bool HasWork() override { return false; }
  void Poll() override {}
  void OnDoorbell() override {
    if (next_ != nullptr) next_->Ring();
    heard_.set_value(std::this_thread::get_id());
    was_heard_.store(true);
  }
  shm::Link* watched_link() override { return pair_.accepting.get(); }
  void RefForWatch() override {}
  void UnrefForWatch() override {}

  // Rings `next` when it is heard.
  void Before(Bell* next) { next_ = next; }
  void Ring() { pair_.accepting->RingSelf(); }
  // The thread that hears it. Once.
  std::thread::id HeardBy() { return heard_.get_future().get(); }
  bool was_heard() const { return was_heard_.load(); }

 private:
  shm::LinkPair pair_;
  std::promise<std::thread::id> heard_;
  std::atomic<bool> was_heard_{false};
  Bell* next_ = nullptr;
};

// A thread of gRPC's that wants to sleep.
class Sleeper {
 public:
  explicit Sleeper(uint64_t deadline_ns = kForEver)
      : thread_([this, deadline_ns] {
          grpc_core::ExecCtx exec_ctx;
          outcome_.set_value(DoorbellSet::Get().Listen(&sleeper_, deadline_ns));
        }) {}
  ~Sleeper() { thread_.join(); }
  std::thread::id id() const { return thread_.get_id(); }
  void AwaitListening() const {
    while (!sleeper_.listens.load()) std::this_thread::yield();
  }
  void Wake() { DoorbellSet::Get().Wake(&sleeper_); }
  Outcome outcome() { return outcome_.get_future().get(); }

 private:
  DoorbellSet::Sleeper sleeper_;
  std::promise<Outcome> outcome_;
  std::thread thread_;
};

class DoorbellSetTest : public ::testing::Test {
 protected:
  DoorbellSetTest() { grpc_init(); }
  ~DoorbellSetTest() override { grpc_shutdown(); }

  void Add(Bell* bell) {
    grpc_core::ExecCtx exec_ctx;
    ASSERT_TRUE(DoorbellSet::Get().Add(bell));
  }
  void Remove(Bell* bell) {
    grpc_core::ExecCtx exec_ctx;
    DoorbellSet::Get().Remove(bell);
  }
  // Some thread sleeps on gRPC's descriptors from now on.
  void BePoller() { ASSERT_EQ(Sleeper().outcome(), Outcome::kSleep); }
  void Left() { DoorbellSet::Get().Left(); }
};

TEST_F(DoorbellSetTest, TheFirstSleepsOnTheDescriptorsOfGrpc) {
  EXPECT_EQ(Sleeper().outcome(), Outcome::kSleep) << "there are no links";
  Left();
  Bell bell;
  Add(&bell);
  EXPECT_EQ(Sleeper().outcome(), Outcome::kSleep) << "somebody must";
  Left();
  Remove(&bell);
}

TEST_F(DoorbellSetTest, TheNextListens) {
  Bell bell, other;
  Add(&bell);
  Add(&other);
  BePoller();
  {
    Sleeper listener;
    listener.AwaitListening();
    EXPECT_EQ(Sleeper().outcome(), Outcome::kSleep) << "one is enough";
    Left();
    other.Ring();
    EXPECT_EQ(other.HeardBy(), listener.id());
    EXPECT_EQ(listener.outcome(), Outcome::kWorked);
  }
  Left();
  Remove(&bell);
  Remove(&other);
}

TEST_F(DoorbellSetTest, TheListenerCanBeWoken) {
  Bell bell;
  Add(&bell);
  BePoller();
  {
    Sleeper woken;
    woken.AwaitListening();
    woken.Wake();
    EXPECT_EQ(woken.outcome(), Outcome::kStopped);
  }
  EXPECT_EQ(Sleeper(/*deadline_ns=*/1).outcome(), Outcome::kStopped);
  Left();
  Remove(&bell);
}

TEST_F(DoorbellSetTest, TheListenerTakesThePlaceOfTheLastPoller) {
  Bell bell;
  Add(&bell);
  BePoller();
  Sleeper listener;
  listener.AwaitListening();
  Left();
  EXPECT_EQ(listener.outcome(), Outcome::kSleep);
  Left();
  Remove(&bell);
}

TEST_F(DoorbellSetTest, WithTheLastLinkListeningEnds) {
  Bell bell;
  Add(&bell);
  BePoller();
  Sleeper listener;
  listener.AwaitListening();
  Remove(&bell);
  EXPECT_EQ(listener.outcome(), Outcome::kSleep);
  Left();
  Left();
}

// A thread that polls for gRPC.
class DoorbellSetGateTest : public DoorbellSetTest {
 protected:
  DoorbellSetGateTest() : pollset_(static_cast<grpc_pollset*>(gpr_zalloc(grpc_pollset_size()))) {
    grpc_pollset_init(pollset_, &mu_);
  }
  ~DoorbellSetGateTest() override {
    grpc_core::ExecCtx exec_ctx;
    grpc_closure destroyed;
    GRPC_CLOSURE_INIT(
        &destroyed,
        [](void* p, grpc_error_handle) { grpc_pollset_destroy(static_cast<grpc_pollset*>(p)); },
        pollset_, grpc_schedule_on_exec_ctx);
    gpr_mu_lock(mu_);
    grpc_pollset_shutdown(pollset_, &destroyed);
    gpr_mu_unlock(mu_);
    exec_ctx.Flush();
    gpr_free(pollset_);
  }
  // On this thread, until `bell` is heard.
  void PollUntilHeard(Bell* bell) {
    while (!bell->was_heard()) {
      grpc_core::ExecCtx exec_ctx;
      gpr_mu_lock(mu_);
      ASSERT_EQ(grpc_pollset_work(pollset_, nullptr,
                                  grpc_core::Timestamp::Now() + grpc_core::Duration::Seconds(1)),
                absl::OkStatus());
      gpr_mu_unlock(mu_);
    }
    EXPECT_EQ(bell->HeardBy(), std::this_thread::get_id());
  }

  grpc_pollset* const pollset_;
  gpr_mu* mu_ = nullptr;
};

TEST_F(DoorbellSetGateTest, WithoutAListenerThePollerHears) {
  Bell before, while_listening, after;
  for (Bell* bell : {&before, &while_listening, &after}) Add(bell);
  before.Ring();
  PollUntilHeard(&before);
  BePoller();
  {
    Sleeper listener;
    listener.AwaitListening();
    while_listening.Ring();
    EXPECT_EQ(while_listening.HeardBy(), listener.id());
    EXPECT_EQ(listener.outcome(), Outcome::kWorked);
  }
  Left();
  after.Ring();
  PollUntilHeard(&after);
  for (Bell* bell : {&before, &while_listening, &after}) Remove(bell);
}

TEST_F(DoorbellSetGateTest, WhatRingsWhileTheListenerLeavesIsHeard) {
  Bell before, first, second;
  for (Bell* bell : {&before, &first, &second}) Add(bell);
  before.Ring();
  PollUntilHeard(&before);  // the gate has been open once
  BePoller();
  first.Before(&second);
  {
    Sleeper listener;
    listener.AwaitListening();
    first.Ring();
    EXPECT_EQ(listener.outcome(), Outcome::kWorked);
  }
  EXPECT_TRUE(second.was_heard());
  Left();
  for (Bell* bell : {&before, &first, &second}) Remove(bell);
}

}  // namespace
}  // namespace samehost::grpc_transport
