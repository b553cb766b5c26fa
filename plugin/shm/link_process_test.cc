// The link between two real processes: traffic, a peer that is killed, forks, and nothing left
// over.
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <random>
#include <string>

#include "plugin/shm/link_pair_for_test.h"
#include "plugin/shm/link_traffic_for_test.h"

namespace samehost::shm {
namespace {

int PidFdOpen(pid_t pid) { return static_cast<int>(syscall(SYS_pidfd_open, pid, 0)); }

// Runs `child` in a process of its own with the accepting end; returns the pid and the connecting
// end.
struct TwoProcesses {
  pid_t child = -1;
  std::unique_ptr<Link> link;
};

template <typename Child>
TwoProcesses Start(const LinkOptions& options, bool share_eventfds, Child child) {
  PartsPair parts = MakePartsPair(options, share_eventfds);
  TwoProcesses both;
  both.child = fork();
  if (both.child == 0) {
    parts.connecting = LinkParts();  // the parent's ends, above all its socket
    parts.segment.Reset();
    auto link = Link::Create(Link::Side::kAccepting, std::move(parts.accepting), options);
    if (!link.ok()) _exit(100);
    child(std::move(*link));
    _exit(0);
  }
  parts.accepting = LinkParts();
  parts.connecting.peer_pidfd.Reset(PidFdOpen(both.child));
  auto link = Link::Create(Link::Side::kConnecting, std::move(parts.connecting), options);
  EXPECT_TRUE(link.ok()) << ToString(link.error());
  both.link = *std::move(link);
  return both;
}

int ExitCode(pid_t child) {
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

bool BecomesReadable(int fd) {
  pollfd entry = {fd, POLLIN, 0};
  return poll(&entry, 1, kWatchdogMillis) == 1;
}

TEST(LinkProcessTest, TrafficBothWaysWithGrowthAndLeases) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  for (const bool share_eventfds : {true, false}) {
    const LinkOptions options{.initial_ring_bytes = 8192, .max_ring_bytes = 1 << 19};
    Endpoint::Plan there{.send = 5000,
                         .receive = 5000,
                         .outgoing = {seed, 20'000},
                         .incoming = {seed + 1, 20'000},
                         .lend = 0.3,
                         .want_ring_bytes = 1 << 18,
                         .trim_every = 100};
    Endpoint::Plan back = there;
    std::swap(back.outgoing, back.incoming);
    TwoProcesses both = Start(options, share_eventfds, [&](std::unique_ptr<Link> link) {
      const std::string error = Endpoint(link.get(), back).Run();
      if (error.empty()) return;
      fprintf(stderr, "child: %s\n", error.c_str());
      _exit(1);
    });
    EXPECT_EQ(Endpoint(both.link.get(), there).Run(), "");
    EXPECT_EQ(ExitCode(both.child), 0);
  }
}

TEST(LinkProcessTest, AKilledPeerIsSeenAtOnceAndItsLastRecordsCanBeRead) {
  for (int round = 0; round < 20; ++round) {
    TwoProcesses both = Start({}, true, [](std::unique_ptr<Link> link) {
      Send(*link, "first");
      Send(*link, "status written just before the end");
      raise(SIGKILL);
    });
    ASSERT_TRUE(BecomesReadable(both.link->socket_fd()));
    EXPECT_TRUE(both.link->pidfd() < 0 || BecomesReadable(both.link->pidfd()));
    const Status status = both.link->OnSocketReadable();
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, ErrorCode::kClosed);
    EXPECT_EQ(Receive(*both.link), "first");
    EXPECT_EQ(Receive(*both.link), "status written just before the end");
    EXPECT_EQ(Receive(*both.link), "");
    EXPECT_TRUE(Send(*both.link, "into the void"));  // harmless
    EXPECT_EQ(ExitCode(both.child), 1000 + SIGKILL);
  }
}

TEST(LinkProcessTest, KilledInTheMiddleOfARecord) {
  TwoProcesses both = Start({}, true, [](std::unique_ptr<Link> link) {
    Send(*link, "whole");
    std::memset(link->Reserve(100), 'h', 50);
    raise(SIGKILL);
  });
  ASSERT_TRUE(BecomesReadable(both.link->socket_fd()));
  EXPECT_EQ(Receive(*both.link), "whole");
  EXPECT_EQ(Receive(*both.link), "");
  EXPECT_EQ(ExitCode(both.child), 1000 + SIGKILL);
}

TEST(LinkProcessTest, AChildOfThePeerHoldsTheSocketButNotThePidFd) {
  int pipes[2];
  ASSERT_EQ(pipe(pipes), 0);
  TwoProcesses both = Start({}, true, [&](std::unique_ptr<Link> link) {
    const pid_t grandchild = fork();
    if (grandchild == 0) {
      char byte;
      close(pipes[1]);
      // Lives on, with all descriptors, until the test is over.
      while (read(pipes[0], &byte, 1) < 0) {
      }
      _exit(0);
    }
    raise(SIGKILL);
  });
  close(pipes[0]);
  if (both.link->pidfd() < 0) GTEST_SKIP() << "no pidfd here";
  EXPECT_TRUE(BecomesReadable(both.link->pidfd()));
  pollfd entry = {both.link->socket_fd(), POLLIN, 0};
  EXPECT_EQ(poll(&entry, 1, 0), 0);
  EXPECT_EQ(ExitCode(both.child), 1000 + SIGKILL);
  close(pipes[1]);
}

TEST(LinkProcessTest, RoundsOfKillingLeaveNothing) {
  const int descriptors = OpenDescriptors();
  const int mappings = SamehostMappings();
  for (int round = 0; round < 100; ++round) {
    TwoProcesses both = Start({}, true, [](std::unique_ptr<Link> link) {
      // Asks for growth all the time, so that the end comes in the middle of anything.
      for (uint64_t i = 0;; ++i) {
        link->WantRingBytes(1 << 20);
        if (!Send(*link, "x")) raise(SIGKILL);
        while (Receive(*link) != "") {
        }
      }
    });
    both.link->WantRingBytes(1 << 20);
    std::vector<Lease> leases;
    for (int i = 0; i < round; ++i) {
      Record record;
      if (both.link->Next(&record) == Link::Take::kRecord) {
        leases.push_back(both.link->Lend(record));
        both.link->Done(record);
      }
      Send(*both.link, "y");
      if (!both.link->OnSocketReadable().ok()) break;
    }
    kill(both.child, SIGKILL);
    EXPECT_EQ(ExitCode(both.child), 1000 + SIGKILL);
    ASSERT_TRUE(BecomesReadable(both.link->socket_fd()));
    while (both.link->OnSocketReadable().ok()) {
    }
    both.link.reset();
  }
  EXPECT_EQ(OpenDescriptors(), descriptors);
  EXPECT_EQ(SamehostMappings(), mappings);
}

TEST(LinkProcessTest, AForkOfTheOwnerDoesNotEndTheLink) {
  TwoProcesses both = Start({}, true, [](std::unique_ptr<Link> link) {
    const pid_t copy = fork();
    if (copy == 0) {
      link.reset();  // its copy only
      _exit(0);
    }
    waitpid(copy, nullptr, 0);
    Send(*link, "after the fork");
    while (!link->HasInput()) {
      if (link->ArmDoorbell() && !BecomesReadable(link->doorbell_fd())) _exit(3);
    }
    _exit(Receive(*link) == "heard" ? 0 : 4);
  });
  while (!both.link->HasInput()) {
    ASSERT_TRUE(!both.link->ArmDoorbell() || BecomesReadable(both.link->doorbell_fd()));
  }
  EXPECT_EQ(Receive(*both.link), "after the fork");
  EXPECT_TRUE(Send(*both.link, "heard"));
  EXPECT_EQ(ExitCode(both.child), 0);
}

}  // namespace
}  // namespace samehost::shm
