// How announcements begin and end: with their handlers, with fork(), with thousands of connections.
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

#include "plugin/rendezvous/directory.h"
#include "plugin/rendezvous/test_support.h"

#if defined(__SANITIZE_THREAD__)
constexpr bool kThreadSanitizer = true;
#else
constexpr bool kThreadSanitizer = false;
#endif
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr int kRounds = 200;
#else
constexpr int kRounds = 1000;
#endif

namespace samehost::rendezvous {
namespace {

using testing::Child;
using testing::Dial;
using testing::Listen;
using testing::Mappings;
using testing::OpenDescriptors;
using testing::Outcome;
using testing::PortOf;
using testing::Reason;
using testing::ServerProcess;
using testing::Tcp;
using testing::TempFolder;
using testing::TestOptions;
using testing::TestServer;

// Rendezvous threads of this process (sanitizers have threads of their own).
size_t Threads() {
  size_t count = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::ifstream(task.path() / "comm") >> name;
    count += name == "samehost-rdv";
  }
  return count;
}

class Lifecycle : public ::testing::Test {
 protected:
  size_t Entries() {
    size_t count = 0;
    const std::string own = folder_.path() + "/" + std::to_string(geteuid());
    for (const auto& entry : std::filesystem::directory_iterator(own)) {
      (void)entry;
      ++count;
    }
    return count;
  }

  TempFolder folder_;
  Options options_ = TestOptions(folder_.path());
};

TEST_F(Lifecycle, EntryAndThreadGoWithTheLastAnnouncement) {
  const size_t descriptors = OpenDescriptors();
  {
    TestServer one(Tcp("127.0.0.1", 0), options_, "one");
    TestServer two(Tcp("127.0.0.1", 0), options_, "two");
    EXPECT_EQ(Entries(), 2u);
    EXPECT_EQ(Threads(), 1u);
    one.StopAnnouncing();
    EXPECT_EQ(Entries(), 1u);
    EXPECT_EQ(Reason(Dial(Tcp("127.0.0.1", one.port()), options_)),
              FallbackReason::kServerNotFound);
    EXPECT_EQ(Outcome(Dial(Tcp("127.0.0.1", two.port()), options_)), "none");
  }
  EXPECT_EQ(Entries(), 0u);
  EXPECT_EQ(Threads(), 0u);
  EXPECT_EQ(OpenDescriptors(), descriptors);
  TestServer again(Tcp("127.0.0.1", 0), options_, "again");
  EXPECT_EQ(Outcome(Dial(Tcp("127.0.0.1", again.port()), options_)), "none");
}

TEST_F(Lifecycle, NoHandlerRunsAfterTheDestructor) {
  for (int round = 0; round < 50; ++round) {
    const UniqueFd listener = Listen(Tcp("127.0.0.1", 0));
    const Address address = Tcp("127.0.0.1", PortOf(listener.get()));
    std::atomic<bool> destroyed{false};
    std::atomic<int> late{0};
    std::atomic<int> judged{0};
    AcceptHandler handler;
    handler.judge = [&](const PeerIdentity&, const std::string&) {
      if (destroyed.load()) late.fetch_add(1);
      judged.fetch_add(1);
      return Verdict{};
    };
    handler.accept = [&](Connected) {
      if (destroyed.load()) late.fetch_add(1);
    };
    auto announcement = Announce(address, options_, std::move(handler));
    ASSERT_TRUE(announcement.ok());
    std::thread client([&] {
      while (!destroyed.load()) (void)Dial(address, options_);
    });
    while (judged.load() < 3) std::this_thread::yield();
    announcement->reset();
    destroyed.store(true);
    client.join();
    EXPECT_EQ(late.load(), 0);
  }
}

TEST_F(Lifecycle, DestructorWaitsForARunningHandler) {
  const UniqueFd listener = Listen(Tcp("127.0.0.1", 0));
  const Address address = Tcp("127.0.0.1", PortOf(listener.get()));
  std::mutex mutex;
  std::condition_variable changed;
  bool inside = false, leave = false;
  std::atomic<bool> left{false};
  AcceptHandler handler;
  handler.judge = [&](const PeerIdentity&, const std::string&) {
    std::unique_lock lock(mutex);
    inside = true;
    changed.notify_all();
    changed.wait(lock, [&] { return leave; });
    left.store(true);
    return Verdict{};
  };
  auto announcement = Announce(address, options_, std::move(handler));
  ASSERT_TRUE(announcement.ok());
  std::thread client([&] { (void)Dial(address, options_); });
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return inside; });
  std::thread destroyer([&] {
    announcement->reset();
    EXPECT_TRUE(left.load());
  });
  leave = true;
  changed.notify_all();
  lock.unlock();
  destroyer.join();
  client.join();
}

TEST_F(Lifecycle, DestroyedFromItsOwnHandlers) {
  for (const bool from_judge : {true, false}) {
    const UniqueFd listener = Listen(Tcp("127.0.0.1", 0));
    const Address address = Tcp("127.0.0.1", PortOf(listener.get()));
    std::unique_ptr<Announcement> announcement;
    std::mutex mutex;
    AcceptHandler handler;
    const auto destroy = [&] {
      std::lock_guard lock(mutex);
      announcement.reset();
    };
    handler.judge = [&](const PeerIdentity&, const std::string&) {
      if (from_judge) destroy();
      return Verdict{};
    };
    handler.accept = [&](Connected) {
      if (!from_judge) destroy();
    };
    {
      std::lock_guard lock(mutex);
      auto announced = Announce(address, options_, std::move(handler));
      ASSERT_TRUE(announced.ok());
      announcement = *std::move(announced);
    }
    EXPECT_EQ(Reason(Dial(address, options_)),
              from_judge ? FallbackReason::kServerShuttingDown : FallbackReason::kNone);
    // The first client was told before the handler ran: the second may come while it ends.
    const FallbackReason second = Reason(Dial(address, options_));
    EXPECT_TRUE(second == FallbackReason::kServerNotFound ||
                second == FallbackReason::kServerShuttingDown)
        << Name(second);
    std::lock_guard lock(mutex);
    EXPECT_EQ(announcement, nullptr);
  }
}

TEST_F(Lifecycle, AnotherAnnouncementMadeAndDestroyedInAHandler) {
  const UniqueFd listener = Listen(Tcp("127.0.0.1", 0));
  const Address address = Tcp("127.0.0.1", PortOf(listener.get()));
  AcceptHandler handler;
  handler.judge = [&](const PeerIdentity&, const std::string&) {
    auto other = Announce(Tcp("127.0.0.1", 1), options_, {});
    return Verdict{other.ok() ? FallbackReason::kNone : FallbackReason::kSystemError, "", ""};
  };
  auto announcement = Announce(address, options_, std::move(handler));
  ASSERT_TRUE(announcement.ok());
  EXPECT_EQ(Outcome(Dial(address, options_)), "none");
  EXPECT_EQ(Entries(), 1u);
}

TEST_F(Lifecycle, ManyThreadsConnectAndAnnounce) {
  TestServer server(Tcp("127.0.0.1", 0), options_, "server");
  const Address address = Tcp("127.0.0.1", server.port());
  std::vector<std::thread> threads;
  threads.reserve(4);
  std::atomic<int> failures{0};
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 25; ++round) {
        if (Reason(Dial(address, options_)) != FallbackReason::kNone) failures.fetch_add(1);
        TestServer other(Tcp("127.0.0.1", 0), options_, "other");
        if (!other.ok()) failures.fetch_add(1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures.load(), 0);
}

TEST_F(Lifecycle, ManyConnectionsLeakNothing) {
  ServerProcess server(Tcp("127.0.0.1", 0), options_, "server");
  const Address address = Tcp("127.0.0.1", server.port());
  // A server of our own beside it, so that both sides are looked at.
  const UniqueFd listener = Listen(Tcp("127.0.0.1", 0));
  std::atomic<int> accepted{0};
  AcceptHandler handler;
  handler.accept = [&](Connected) { accepted.fetch_add(1); };  // and drops it
  auto announcement =
      Announce(Tcp("127.0.0.1", PortOf(listener.get())), options_, std::move(handler));
  ASSERT_TRUE(announcement.ok());
  ASSERT_EQ(Outcome(Dial(Tcp("127.0.0.1", PortOf(listener.get())), options_)), "none");
  while (accepted.load() < 1) std::this_thread::yield();
  const size_t descriptors = OpenDescriptors();
  const size_t mappings = Mappings();
  for (int i = 0; i < kRounds; ++i) {
    ASSERT_EQ(Outcome(Dial(Tcp("127.0.0.1", PortOf(listener.get())), options_)), "none");
    ASSERT_EQ(Reason(Dial(address, options_, "refuse me")), FallbackReason::kTlsNotReplaced);
  }
  while (accepted.load() < 1 + kRounds) std::this_thread::yield();
  announcement->reset();  // the thread has let go of the last link by the time this returns
  EXPECT_LE(OpenDescriptors(), descriptors);
  EXPECT_EQ(Mappings(), mappings);
}

TEST_F(Lifecycle, KilledServersLeaveNothingBehind) {
  uint16_t port = 0;
  for (int i = 0; i < 20; ++i) {
    ServerProcess server(Tcp("127.0.0.1", port), options_, "server", {}, /*reuse_port=*/true);
    port = server.port();
    EXPECT_EQ(Entries(), 1u);  // the one before has been swept out
    EXPECT_EQ(Outcome(Dial(Tcp("127.0.0.1", port), options_)), "none");
  }
}

// ---- fork() -------------------------------------------------------------------------------------

TEST_F(Lifecycle, ForkedChildLeavesTheParentsAnnouncementAlone) {
  Child process([&](Child::Talk& talk) {
    auto server = std::make_unique<TestServer>(Tcp("127.0.0.1", 0), options_, "parent");
    const Address address = Tcp("127.0.0.1", server->port());
    const pid_t child = fork();
    if (child == 0) {
      server->StopAnnouncing();
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    talk.Say(std::to_string(status));
    talk.Say(Outcome(Dial(address, options_)));
    talk.Say(std::to_string(Entries()));
  });
  EXPECT_EQ(process.talk().Hear(), "0");
  EXPECT_EQ(process.talk().Hear(), "none");
  EXPECT_EQ(process.talk().Hear(), "1");
}

TEST_F(Lifecycle, ForkedChildMayAnnounceAndConnectItself) {
  if (kThreadSanitizer) GTEST_SKIP() << "ThreadSanitizer has no threads in a forked child";
  Child process([&](Child::Talk& talk) {
    TestServer server(Tcp("127.0.0.1", 0), options_, "parent");
    const Address parents = Tcp("127.0.0.1", server.port());
    const pid_t child = fork();
    if (child == 0) {
      talk.Say(Outcome(Dial(parents, options_)));
      {
        TestServer own(Tcp("127.0.0.1", 0), options_, "child");
        talk.Say(Outcome(Dial(Tcp("127.0.0.1", own.port()), options_)));
      }
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    talk.Say(Outcome(Dial(parents, options_)));
  });
  EXPECT_EQ(process.talk().Hear(), "none");
  EXPECT_EQ(process.talk().Hear(), "none");
  EXPECT_EQ(process.talk().Hear(), "none");
}

TEST_F(Lifecycle, ForkWhileHandshakesRun) {
  if (kThreadSanitizer) GTEST_SKIP() << "ThreadSanitizer has no threads in a forked child";
#if defined(__SANITIZE_ADDRESS__)
  // GetFromAllocator in the child waits for a lock that another thread had when it was forked.
  GTEST_SKIP() << "GCC 12's AddressSanitizer does not care for its allocator's locks in fork()";
#endif
  Child process([&](Child::Talk& talk) {
    const UniqueFd listener = Listen(Tcp("127.0.0.1", 0));
    const Address address = Tcp("127.0.0.1", PortOf(listener.get()));
    auto announcement = Announce(address, options_, {});  // drops every link at once
    std::atomic<bool> stop{false};
    std::string failure = "none";
    std::thread client([&] {
      while (!stop.load() && failure == "none") failure = Outcome(Dial(address, options_));
    });
    int bad = 0;
    for (int i = 0; i < 50; ++i) {
      const pid_t child = fork();
      if (child == 0) {
        announcement->reset();
        TestServer own(Tcp("127.0.0.1", 0), options_, "child");
        _exit(Outcome(Dial(Tcp("127.0.0.1", own.port()), options_)) == "none" ? 0 : 1);
      }
      int status = 0;
      waitpid(child, &status, 0);
      bad += status != 0;
    }
    stop.store(true);
    client.join();
    talk.Say(std::to_string(bad) + " " + failure);
  });
  EXPECT_EQ(process.talk().Hear(), "0 none");
}

}  // namespace
}  // namespace samehost::rendezvous
