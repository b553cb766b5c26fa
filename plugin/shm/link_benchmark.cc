// samehost-bench-link: what the bare link costs, beside the bare mechanism that it is made of, in
// the same run. Two processes, made by fork before any thread, pinned to two processors. The rows
// are run in turn, several rounds, so that a slow moment of the machine hits all of them.
//
//   samehost-bench-link [--json FILE] [--rounds N] [--only BEGINNING] [--quick]
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "plugin/base/clock.h"
#include "plugin/base/look_budget.h"
#include "plugin/shm/link.h"

namespace samehost::shm {
namespace {

constexpr size_t kBlock = 64 * 1024;

struct Settings {
  int rounds = 7;
  uint64_t spins = 200'000;  // round trips of a spinning row
  uint64_t bells = 5'000;    // round trips of a sleeping row
  uint64_t blocks = 20'000;  // records of a throughput row
  std::string only;          // rows whose names begin with this
};

void Pin(int processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  sched_setaffinity(0, sizeof(set), &set);  // on one processor both stay where they are
}

[[noreturn]] void Fail(const char* what) {
  std::fprintf(stderr, "samehost-bench-link: %s\n", what);
  std::exit(1);
}

// Memory that both processes see, for the bare rows.
struct Lines {
  alignas(128) std::atomic<uint64_t> there;
  alignas(128) std::atomic<uint64_t> back;
  alignas(4096) std::byte data[64 * kBlock];
};

// Runs `child` on processor 1 and `parent` on processor 0; nanoseconds of the parent's part.
double TwoProcesses(const std::function<void()>& child, const std::function<void()>& parent) {
  const pid_t pid = fork();
  if (pid < 0) Fail("fork");
  if (pid == 0) {
    Pin(1);
    child();
    _exit(0);
  }
  Pin(0);
  const uint64_t start = MonotonicNanos();
  parent();
  const double nanos = static_cast<double>(MonotonicNanos() - start);
  int status = 0;
  waitpid(pid, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) Fail("the other process failed");
  return nanos;
}

// ---- Rows of the bare mechanisms -------------------------------------------------------------

double BareSpin(Lines& lines, uint64_t count) {
  lines.there = 0;
  lines.back = 0;
  const auto wait = [](std::atomic<uint64_t>& word, uint64_t value) {
    while (word.load(std::memory_order_acquire) != value) Pause();
  };
  return TwoProcesses(
             [&] {
               for (uint64_t i = 1; i <= count; ++i) {
                 wait(lines.there, i);
                 lines.back.store(i, std::memory_order_release);
               }
             },
             [&] {
               for (uint64_t i = 1; i <= count; ++i) {
                 lines.there.store(i, std::memory_order_release);
                 wait(lines.back, i);
               }
             }) /
         static_cast<double>(count);
}

void WaitReadable(int fd) {
  pollfd entry = {fd, POLLIN, 0};
  while (poll(&entry, 1, -1) < 0) {
  }
}

double BareEventFd(uint64_t count) {
  const int there = eventfd(0, EFD_NONBLOCK);
  const int back = eventfd(0, EFD_NONBLOCK);
  const auto ring = [](int fd) {
    const uint64_t one = 1;
    if (write(fd, &one, sizeof(one)) != sizeof(one)) Fail("write to an eventfd");
  };
  const auto wait = [](int fd) {
    uint64_t value;
    WaitReadable(fd);
    if (read(fd, &value, sizeof(value)) != sizeof(value)) Fail("read of an eventfd");
  };
  const double nanos = TwoProcesses(
      [&] {
        for (uint64_t i = 0; i < count; ++i) {
          wait(there);
          ring(back);
        }
      },
      [&] {
        for (uint64_t i = 0; i < count; ++i) {
          ring(there);
          wait(back);
        }
      });
  close(there);
  close(back);
  return nanos / static_cast<double>(count);
}

void Touch(const void* memory) { asm volatile("" : : "r"(memory) : "memory"); }

// One thread: a block into a buffer and out of it again, all of it in the cache. GB/s of blocks.
double CopyInAndOut(uint64_t count) {
  static std::byte source[kBlock], middle[kBlock], target[kBlock];
  const uint64_t start = MonotonicNanos();
  for (uint64_t i = 0; i < count; ++i) {
    std::memcpy(middle, source, kBlock);
    Touch(middle);
    std::memcpy(target, middle, kBlock);
    Touch(target);
  }
  return static_cast<double>(count * kBlock) / static_cast<double>(MonotonicNanos() - start);
}

double CopyOnce(uint64_t count) {
  static std::byte source[kBlock], target[kBlock];
  const uint64_t start = MonotonicNanos();
  for (uint64_t i = 0; i < count; ++i) {
    std::memcpy(target, source, kBlock);
    Touch(target);
  }
  return static_cast<double>(count * kBlock) / static_cast<double>(MonotonicNanos() - start);
}

// Two processes, a copy in on one side and out on the other, two counters and nothing else: what
// the machine can move between two processors.
double BareHandOver(Lines& lines, uint64_t count) {
  constexpr uint64_t kSlots = 16;
  lines.there = 0;
  lines.back = 0;
  static std::byte own[kBlock];
  std::memset(own, 1, sizeof(own));
  const double nanos = TwoProcesses(
      [&] {
        for (uint64_t i = 0; i < count; ++i) {
          while (lines.there.load(std::memory_order_acquire) <= i) Pause();
          std::memcpy(own, lines.data + i % kSlots * kBlock, kBlock);
          Touch(own);
          lines.back.store(i + 1, std::memory_order_release);
        }
      },
      [&] {
        for (uint64_t i = 0; i < count; ++i) {
          while (i - lines.back.load(std::memory_order_acquire) >= kSlots) Pause();
          std::memcpy(lines.data + i % kSlots * kBlock, own, kBlock);
          lines.there.store(i + 1, std::memory_order_release);
        }
        while (lines.back.load(std::memory_order_acquire) != count) Pause();
      });
  return static_cast<double>(count * kBlock) / nanos;
}

// ---- Rows of the link ------------------------------------------------------------------------

// Both ends, each made in the process that uses it.
class Ends {
 public:
  explicit Ends(uint32_t ring_bytes) {
    options_.initial_ring_bytes = ring_bytes;
    options_.max_ring_bytes = ring_bytes;
    auto parts = Link::MakeParts(options_, true);
    int sockets[2];
    if (!parts.ok() || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets) != 0)
      Fail("cannot make the shared memory of a link");
    for (int side : {0, 1}) {
      parts_[side].segment = UniqueFd(dup(parts->segment.get()));
      for (int i : {0, 1}) parts_[side].doorbell[i] = UniqueFd(dup(parts->doorbell[i].get()));
      parts_[side].socket = UniqueFd(sockets[side]);
    }
  }
  std::unique_ptr<Link> Open(Link::Side side) {
    auto link =
        Link::Create(side, std::move(parts_[side == Link::Side::kConnecting ? 0 : 1]), options_);
    if (!link.ok()) Fail("cannot make a link");
    return *std::move(link);
  }

 private:
  LinkOptions options_;
  LinkParts parts_[2];
};

void Send(Link& link, const void* bytes, size_t size) {
  std::byte* place;
  while ((place = link.Reserve(size)) == nullptr) Pause();
  std::memcpy(place, bytes, size);
  link.Commit(size);
  link.Publish();
}

void SpinForInput(const Link& link) {
  while (!link.InputHere()) Pause();
}

void SleepForInput(Link& link) {
  while (!link.HasInput()) {
    if (!link.ArmDoorbell()) break;
    WaitReadable(link.doorbell_fd());
    link.DrainDoorbell();
  }
}

// Takes one record of `size` bytes out into `to`.
template <typename Wait>
void Receive(Link& link, std::byte* to, size_t size, Wait wait) {
  Record record;
  for (;;) {
    wait(link);
    const Link::Take take = link.Next(&record);
    if (take == Link::Take::kRecord) break;
    if (take == Link::Take::kBroken) Fail("the link broke");
  }
  if (record.bytes.size() != size) Fail("record of a wrong size");
  std::memcpy(to, record.bytes.data(), size);
  link.Done(record);
}

template <typename Wait>
double LinkRoundTrip(size_t size, uint64_t count, Wait wait) {
  Ends ends(32 * 1024);
  static std::byte buffer[kBlock];
  return TwoProcesses(
             [&] {
               auto link = ends.Open(Link::Side::kAccepting);
               for (uint64_t i = 0; i < count; ++i) {
                 Receive(*link, buffer, size, wait);
                 Send(*link, buffer, size);
                 link->FlushDone();
               }
             },
             [&] {
               auto link = ends.Open(Link::Side::kConnecting);
               for (uint64_t i = 0; i < count; ++i) {
                 std::memcpy(buffer, &i, sizeof(i));
                 Send(*link, buffer, size);
                 link->FlushDone();
                 Receive(*link, buffer, size, wait);
                 if (std::memcmp(buffer, &i, sizeof(i)) != 0) Fail("wrong answer");
               }
               if (link->counters().records_received + 1 < count) Fail("records missing");
             }) /
         static_cast<double>(count);
}

double LinkThroughput(uint32_t ring_bytes, uint64_t count) {
  Ends ends(ring_bytes);
  static std::byte own[kBlock];
  std::memset(own, 1, sizeof(own));
  double nanos = 0;
  TwoProcesses(
      [&] {
        auto link = ends.Open(Link::Side::kAccepting);
        for (uint64_t i = 0; i < count; ++i) {
          Receive(*link, own, kBlock, SpinForInput);
          uint64_t number;
          std::memcpy(&number, own, sizeof(number));
          if (number != i) Fail("record out of order");
        }
        Send(*link, own, 8);
      },
      [&] {
        auto link = ends.Open(Link::Side::kConnecting);
        const uint64_t start = MonotonicNanos();
        for (uint64_t i = 0; i < count; ++i) {
          std::memcpy(own, &i, sizeof(i));
          Send(*link, own, kBlock);
        }
        Receive(*link, own, 8, SpinForInput);
        nanos = static_cast<double>(MonotonicNanos() - start);
      });
  return static_cast<double>(count * kBlock) / nanos;
}

// ---- The table -------------------------------------------------------------------------------

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct Row {
  std::string name;
  std::string unit;
  std::function<double()> run;
  std::vector<double> values = {};
  double median() const { return Median(values); }
};

// Median over the rounds of `row` / `base`, each ratio within one round.
double Ratio(const Row& row, const Row& base) {
  std::vector<double> ratios;
  for (size_t i = 0; i < row.values.size(); ++i) ratios.push_back(row.values[i] / base.values[i]);
  return Median(ratios);
}

// What is set in relation to what, and a stable name for it.
struct Compared {
  std::string name;
  std::string row;
  std::string base;
};

void WriteJson(const char* file, const std::vector<Row>& rows, const std::vector<Compared>& ratios,
               std::map<std::string, const Row*>& by_name) {
  utsname system;
  uname(&system);
  std::ofstream out(file);
  out << "{\n  \"benchmark\": \"link\",\n  \"kernel\": \"" << system.release
      << "\",\n  \"machine\": \"" << system.machine
      << "\",\n  \"processors\": " << sysconf(_SC_NPROCESSORS_ONLN) << ",\n  \"rows\": [";
  for (size_t i = 0; i < rows.size(); ++i) {
    out << (i == 0 ? "\n" : ",\n") << "    {\"name\": \"" << rows[i].name << "\", \"unit\": \""
        << rows[i].unit << "\", \"median\": " << rows[i].median() << ", \"values\": [";
    for (size_t j = 0; j < rows[i].values.size(); ++j) {
      out << (j == 0 ? "" : ", ") << rows[i].values[j];
    }
    out << "]}";
  }
  out << "\n  ],\n  \"ratios\": [";
  for (size_t i = 0; i < ratios.size(); ++i) {
    const Compared& compared = ratios[i];
    out << (i == 0 ? "\n" : ",\n") << "    {\"name\": \"" << compared.name << "\", \"row\": \""
        << compared.row << "\", \"base\": \"" << compared.base
        << "\", \"ratio\": " << Ratio(*by_name[compared.row], *by_name[compared.base]) << "}";
  }
  out << "\n  ]\n}\n";
}

int Main(int argc, char** argv) {
  Settings settings;
  const char* json = nullptr;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--json" && i + 1 < argc) {
      json = argv[++i];
    } else if (argument == "--rounds" && i + 1 < argc) {
      settings.rounds = std::max(1, std::atoi(argv[++i]));
    } else if (argument == "--only" && i + 1 < argc) {
      settings.only = argv[++i];
    } else if (argument == "--quick") {
      settings = {.rounds = 1, .spins = 2000, .bells = 200, .blocks = 500, .only = settings.only};
    } else {
      Fail("usage: samehost-bench-link [--json FILE] [--rounds N] [--only BEGINNING] [--quick]");
    }
  }
  void* memory = mmap(nullptr, sizeof(Lines), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) Fail("mmap");
  Lines& lines = *static_cast<Lines*>(memory);
  const auto spin = [&](size_t size) {
    return [&settings, size] { return LinkRoundTrip(size, settings.spins, SpinForInput); };
  };
  std::vector<Row> rows = {
      {"spin: two bare cache lines", "ns", [&] { return BareSpin(lines, settings.spins); }},
      {"spin: link, 8 B", "ns", spin(8)},
      {"spin: link, 64 B", "ns", spin(64)},
      {"spin: link, 256 B", "ns", spin(256)},
      {"sleep: two bare eventfds", "ns", [&] { return BareEventFd(settings.bells); }},
      {"sleep: link, 8 B", "ns", [&] { return LinkRoundTrip(8, settings.bells, SleepForInput); }},
      {"64 KiB: memcpy, hot", "GB/s", [&] { return CopyOnce(settings.blocks); }},
      {"64 KiB: memcpy in and out, hot", "GB/s", [&] { return CopyInAndOut(settings.blocks); }},
      {"64 KiB: bare hand-over", "GB/s", [&] { return BareHandOver(lines, settings.blocks); }},
      {"64 KiB: link, 512 KiB ring", "GB/s",
       [&] { return LinkThroughput(512 << 10, settings.blocks); }},
      {"64 KiB: link, 1 MiB ring", "GB/s",
       [&] { return LinkThroughput(1 << 20, settings.blocks); }},
      {"64 KiB: link, 2 MiB ring", "GB/s",
       [&] { return LinkThroughput(2 << 20, settings.blocks); }},
  };
  std::erase_if(rows, [&](const Row& row) { return !row.name.starts_with(settings.only); });
  std::vector<Compared> ratios = {
      {"spin_of_cache_lines", "spin: link, 8 B", "spin: two bare cache lines"},
      {"sleep_of_eventfds", "sleep: link, 8 B", "sleep: two bare eventfds"},
      {"throughput_of_memcpy", "64 KiB: link, 1 MiB ring", "64 KiB: memcpy in and out, hot"},
      {"throughput_of_hand_over", "64 KiB: link, 1 MiB ring", "64 KiB: bare hand-over"},
  };
  std::erase_if(ratios, [&](const Compared& compared) {
    return !compared.row.starts_with(settings.only) || !compared.base.starts_with(settings.only);
  });
  for (int round = 0; round < settings.rounds; ++round) {
    for (Row& row : rows) row.values.push_back(row.run());
  }
  std::map<std::string, const Row*> by_name;
  std::printf("%-36s %12s %12s %12s\n", "row", "median", "best", "worst");
  for (const Row& row : rows) {
    by_name[row.name] = &row;
    const auto [low, high] = std::minmax_element(row.values.begin(), row.values.end());
    const bool rate = row.unit == "GB/s";
    std::printf("%-36s %7.1f %-4s %7.1f %-4s %7.1f %-4s\n", row.name.c_str(), row.median(),
                row.unit.c_str(), rate ? *high : *low, row.unit.c_str(), rate ? *low : *high,
                row.unit.c_str());
  }
  std::printf("\n");
  for (const Compared& compared : ratios) {
    std::printf("%s / %s: %.2f\n", compared.row.c_str(), compared.base.c_str(),
                Ratio(*by_name[compared.row], *by_name[compared.base]));
  }
  if (json != nullptr) WriteJson(json, rows, ratios, by_name);
  return 0;
}

}  // namespace
}  // namespace samehost::shm

int main(int argc, char** argv) { return samehost::shm::Main(argc, argv); }
