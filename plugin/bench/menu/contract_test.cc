// What every mechanism of the menu must do: messages come whole, in order and unchanged, large ones
// too, an end notices when the process at the other end dies, wherever it waits, and nothing is
// left behind. A mechanism that is not available is skipped, with the reason.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "plugin/bench/clock.h"
#include "plugin/bench/menu/catalog.h"
#include "plugin/bench/menu/contestant.h"
#include "plugin/bench/temporary_directory.h"

namespace samehost::bench::menu {

void PrintTo(const Mechanism& mechanism, std::ostream* out) { *out << mechanism.name; }

namespace {

constexpr uint64_t kLarge = 3 * 1024 * 1024 + 7;

// Shared memory and queues that this test's mechanisms have named (contestant.cc: the token).
size_t NamesLeft() {
  const std::string ours = "samehost-bench-" + std::to_string(::getpid()) + "-";
  size_t left = 0;
  for (const char* place : {"/dev/shm", "/dev/mqueue"}) {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(place, ignored)) {
      left += entry.path().filename().string().find(ours) != std::string::npos;
    }
  }
  return left;
}

// Each System V queue there is, with the process that was the last to send to it.
std::map<int64_t, pid_t> SysvQueues() {
  std::ifstream queues("/proc/sysvipc/msg");
  std::map<int64_t, pid_t> found;
  std::string line;
  std::getline(queues, line);  // headings
  while (std::getline(queues, line)) {
    std::istringstream fields(line);
    int64_t key, id, permissions, bytes, messages;
    pid_t sender = 0;
    fields >> key >> id >> permissions >> bytes >> messages >> sender;
    found[id] = sender;
  }
  return found;
}

class MechanismContract : public testing::TestWithParam<Mechanism> {
 protected:
  void SetUp() override {
    if (!GetParam().missing.empty()) GTEST_SKIP() << GetParam().missing;
    contestant_.StartOrThrow();
  }
  // A bare wake-up carries neither more nor less than it can.
  bool Carries(uint64_t size) const {
    return GetParam().max_message == SIZE_MAX || size == GetParam().max_message;
  }
  uint64_t Fit(uint64_t size) const { return std::min<uint64_t>(size, GetParam().max_message); }

  void Run(Task task, uint64_t size, uint64_t count) {
    SCOPED_TRACE(std::to_string(size) + " bytes");
    const RunSpec spec{
        .task = task, .size = size, .count = count, .first = next_, .check_every_byte = true};
    next_ += count;
    const auto answers = contestant_.Run(spec);
    EXPECT_EQ(answers.size(), GetParam().one_process ? 1u : 2u);
    const size_t samples = answers[0].at("samples").get_binary().size() / sizeof(uint32_t);
    EXPECT_EQ(samples, task == Task::kRoundTrips ? count : 0u);
  }

  // Until it waits for the other end, or has been busy for a while (some can send for long before
  // they must wait). `begin`: its CPU time before it was told to work.
  static void AwaitAtWork(const WorkerProcess& process, uint64_t begin) {
    constexpr uint64_t kBusyNs = 20'000'000;
    uint64_t before = begin, now = begin;
    do {
      before = now;
      SleepUntilNs(NowNs() + 2'000'000);
      now = process.CpuNs();
    } while (now == begin || (now != before && now - begin < kBusyNs));
  }

  // Kills one end while the other is at work on something that never ends; the other must fail with
  // the reason. (Should it not, the test hangs until its time is up.)
  void Die(Task task, bool kill_server) {
    WorkerProcess& dying = kill_server ? contestant_.server() : contestant_.client();
    WorkerProcess& living = kill_server ? contestant_.client() : contestant_.server();
    // So that both are at it: the dying one has come to the end of a run of its own.
    Run(task, Fit(64), 50);
    const RunSpec endless{
        .task = task, .size = Fit(100'000), .count = uint64_t{1} << 40, .first = next_};
    const nlohmann::json command = {{"command", "run"}, {"spec", endless}};
    const uint64_t idle = living.CpuNs();
    living.Begin(command);
    AwaitAtWork(living, idle);
    ASSERT_EQ(::kill(dying.pid(), SIGKILL), 0);
    try {
      living.Finish();
      FAIL() << "it did not notice";
    } catch (const BenchFailure& failure) {
      EXPECT_NE(std::string(failure.what()).find("has gone"), std::string::npos) << failure.what();
    }
  }

  const std::map<int64_t, pid_t> queues_before_ = SysvQueues();
  TemporaryDirectory directory_;
  Contestant contestant_{GetParam(), directory_.path()};
  uint64_t next_ = 1;
};

TEST_P(MechanismContract, AnswersComeWholeAndUnchanged) {
  for (uint64_t size : {0, 1, 7, 8, 9, 16, 1000, 4096, 65'529, 65'536, 65'545, 200'000}) {
    if (Carries(size)) Run(Task::kRoundTrips, size, 20);
  }
}

// The receiver checks the number in each.
TEST_P(MechanismContract, ManyMessagesComeInOrder) {
  Run(Task::kOneWay, Fit(16), 20'000);
  Run(Task::kOneWay, Fit(5000), 1000);
}

TEST_P(MechanismContract, ProvesItself) {
  Run(Task::kRoundTrips, Fit(1000), 200);
  contestant_.Prove();
}

// More than a bare wake-up.
using CarrierContract = MechanismContract;

TEST_P(CarrierContract, LargeMessages) {
  Run(Task::kRoundTrips, kLarge, 3);
  Run(Task::kOneWay, kLarge, 8);
}

using TwoProcessContract = MechanismContract;

TEST_P(TwoProcessContract, ClientWaitingForAnAnswerNoticesDeath) { Die(Task::kRoundTrips, true); }
TEST_P(TwoProcessContract, ClientSendingNoticesDeath) { Die(Task::kOneWay, true); }
TEST_P(TwoProcessContract, ServerNoticesDeath) { Die(Task::kRoundTrips, false); }

// Whatever has a name that outlives processes: it is gone when they are. (Should it not be, the
// test hangs until its time is up: some of it others remove, a little later.)
TEST_P(TwoProcessContract, LeavesNothingBehind) {
  Run(Task::kOneWay, Fit(64), 50);
  const std::vector<pid_t> pids = {contestant_.client().pid(), contestant_.server().pid()};
  contestant_.Stop();
  // A queue that somebody left long ago may name a process of the same number.
  const auto queues_left = [&] {
    const auto queues = SysvQueues();
    return std::any_of(queues.begin(), queues.end(), [&](const auto& queue) {
      return queues_before_.count(queue.first) == 0 &&
             std::count(pids.begin(), pids.end(), queue.second) > 0;
    });
  };
  while (NamesLeft() > 0 || queues_left()) SleepUntilNs(NowNs() + 1'000'000);
}

bool IsCarrier(const Mechanism& mechanism) { return mechanism.max_message == SIZE_MAX; }
bool HasTwoProcesses(const Mechanism& mechanism) { return !mechanism.one_process; }
bool IsAny(const Mechanism&) { return true; }

std::vector<Mechanism> Those(bool (*wanted)(const Mechanism&)) {
  std::vector<Mechanism> those;
  for (const Mechanism& mechanism : Catalog()) {
    if (wanted(mechanism)) those.push_back(mechanism);
  }
  return those;
}

std::string NameOf(const testing::TestParamInfo<Mechanism>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Menu, MechanismContract, testing::ValuesIn(Those(IsAny)), NameOf);
INSTANTIATE_TEST_SUITE_P(Menu, CarrierContract, testing::ValuesIn(Those(IsCarrier)), NameOf);
INSTANTIATE_TEST_SUITE_P(Menu, TwoProcessContract, testing::ValuesIn(Those(HasTwoProcesses)),
                         NameOf);

// A mechanism whose receiver gets something else than what was sent must not pass for a good one:
// the ends are told different numbers.
TEST(MechanismContract, WrongNumberIsNoticed) {
  const TemporaryDirectory directory;
  const std::vector<Mechanism> catalog = Catalog();
  const auto pipe = std::find_if(catalog.begin(), catalog.end(),
                                 [](const Mechanism& each) { return each.name == "pipe"; });
  Contestant contestant(*pipe, directory.path());
  contestant.StartOrThrow();
  const auto command = [](uint64_t first) {
    const RunSpec spec{.size = 100, .count = 5, .first = first};
    return nlohmann::json{{"command", "run"}, {"spec", spec}};
  };
  contestant.server().Begin(command(1));
  contestant.client().Begin(command(2));
  EXPECT_THROW(contestant.server().Finish(), BenchFailure);
  EXPECT_THROW(contestant.client().Finish(), BenchFailure);
}

}  // namespace
}  // namespace samehost::bench::menu
