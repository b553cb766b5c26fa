#include "plugin/bench/cases.h"

namespace samehost::bench {
namespace {

constexpr uint64_t kKib = 1024;
constexpr uint64_t kMib = 1024 * 1024;

Case Unary(std::string name, uint64_t size, std::string title) {
  Case made{.name = std::move(name), .title = std::move(title)};
  made.spec.size = size;
  return made;
}

Case Stream(std::string name, uint64_t size, std::string title) {
  Case made = Unary(std::move(name), size, std::move(title));
  made.spec.kind = LoadKind::kStream;
  return made;
}

Case InFlight(std::string name, uint64_t size, std::string title) {
  Case made = Unary(std::move(name), size, std::move(title));
  made.spec.kind = LoadKind::kInFlight;
  made.spec.in_flight = 64;
  return made;
}

std::vector<Case> MakeCases() {
  std::vector<Case> cases = {
      Unary("unary_16", 16, "unary call, 16 B"),
      Unary("unary_1k", kKib, "unary call, 1 KiB"),
      Unary("unary_64k", 64 * kKib, "unary call, 64 KiB"),
      Unary("unary_1m", kMib, "unary call, 1 MiB, malloc thresholds raised in all processes"),
      Unary("unary_1m_default", kMib, "unary call, 1 MiB, malloc as it is"),
      Stream("stream_16", 16, "stream ping-pong, 16 B"),
      Stream("stream_64k", 64 * kKib, "stream ping-pong, 64 KiB"),
      Stream("stream_1m", kMib, "stream ping-pong, 1 MiB"),
      Stream("stream_16m", 16 * kMib, "stream ping-pong, 16 MiB"),
      InFlight("inflight64_16", 16,
               "64 unary calls in flight, 16 B, one client thread, sync server"),
      InFlight("inflight64_64k", 64 * kKib,
               "64 unary calls in flight, 64 KiB, one client thread, sync server"),
      InFlight("inflight64_16_async", 16,
               "64 unary calls in flight, 16 B, one client thread, callback server"),
      Unary("inflight64_16_sync", 16, "64 client threads, one sync call each at a time, 16 B"),
      Unary("paced2000_16", 16, "2000 unary calls per second, 16 B, one thread"),
      Unary("clients8_16", 16, "8 client processes (in-process: 8 threads and channels), 16 B"),
      Unary("waiting8_16", 16, "the same with handlers that wait for 200 us"),
  };
  for (Case& made : cases) {
    if (made.name == "unary_1m") made.raised_allocator = true;
    if (made.name == "inflight64_16_async") made.callback_server = true;
    if (made.name == "inflight64_16_sync") made.spec.threads = 64;
    if (made.name == "paced2000_16") made.spec.calls_per_second = 2000;
    if (made.name == "clients8_16" || made.name == "waiting8_16") made.client_processes = 8;
    if (made.name == "waiting8_16") made.handler_wait_us = 200;
  }
  cases.push_back({.name = "idle",
                   .title = "a connection idle for 1 s after 64 KiB calls and a 16 MiB message",
                   .kind = CaseKind::kIdle});
  cases.push_back({.name = "link",
                   .title = "the bare shared-memory link beside what it is made of",
                   .kind = CaseKind::kBareLink});
  return cases;
}

}  // namespace

const std::vector<Case>& AllCases() {
  static const std::vector<Case> cases = MakeCases();
  return cases;
}

}  // namespace samehost::bench
