#include "plugin/grpc/background.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <vector>

namespace samehost::grpc_transport {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

TEST(Background, RunsTasksInTheOrderTheyAreDue) {
  Background& background = Background::Get();
  std::vector<int> order;
  std::promise<void> done;
  background.RunAfter(milliseconds(60), [&] {
    order.push_back(3);
    done.set_value();
  });
  background.RunAfter(milliseconds(40), [&] { order.push_back(2); });
  background.RunAfter(milliseconds(20), [&] { order.push_back(1); });
  done.get_future().get();
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

TEST(Background, NotBeforeItIsDue) {
  const auto begin = Background::Clock::now();
  std::promise<Background::Clock::time_point> ran;
  Background::Get().RunAfter(milliseconds(30), [&] { ran.set_value(Background::Clock::now()); });
  EXPECT_GE(ran.get_future().get() - begin, milliseconds(30));
}

TEST(Background, ACancelledTaskDoesNotRun) {
  Background& background = Background::Get();
  std::atomic<bool> ran{false};
  std::promise<void> later;
  const auto task = background.RunAfter(milliseconds(20), [&] { ran = true; });
  background.RunAfter(milliseconds(40), [&] { later.set_value(); });
  EXPECT_TRUE(background.Cancel(task));
  EXPECT_FALSE(background.Cancel(task));
  later.get_future().get();
  EXPECT_FALSE(ran);
}

TEST(Background, ATaskThatHasRunCannotBeCancelled) {
  Background& background = Background::Get();
  std::promise<void> ran;
  const auto task = background.RunAfter(milliseconds(0), [&] { ran.set_value(); });
  ran.get_future().get();
  EXPECT_FALSE(background.Cancel(task));
}

TEST(Background, ATaskMaySetAnother) {
  std::promise<void> done;
  Background::Get().RunAfter(milliseconds(1), [&] {
    Background::Get().RunAfter(milliseconds(1), [&] { done.set_value(); });
  });
  done.get_future().get();
}

TEST(Background, AChildOfForkBeginsAfresh) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "ThreadSanitizer: no new threads after a fork of many";
#endif
  const auto task = Background::Get().RunAfter(hours(1), [] {});
  const pid_t child = fork();
  if (child == 0) {
    if (Background::Get().Cancel(task)) _exit(1);
    std::promise<void> ran;
    Background::Get().RunAfter(milliseconds(1), [&] { ran.set_value(); });
    ran.get_future().get();
    _exit(0);
  }
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(Background::Get().Cancel(task));
}

}  // namespace
}  // namespace samehost::grpc_transport
