// samehost-bench-zmq-worker: one process of `samehost-bench zmq`. It uses libzmq's C API and
// nothing of samehost; the runner starts it with the distribution's library or with samehost's.
//
// clang-format off
//   PATTERN serve ENDPOINT BYTES             binds, prints "bound ENDPOINT", serves until its input ends
//   PATTERN measure ENDPOINT BYTES SECONDS   connects, measures, prints one line of results
//   PATTERN inproc inproc://x BYTES SECONDS  both, in two threads of one process
// clang-format on
//
// Patterns: req (REQ/REP), dealer (DEALER/ROUTER), push (the server pushes), pub (the server
// publishes), idle. Messages have 16 bytes at least (idle: 1) and are checked.
#include <poll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "plugin/bench/payload.h"
#include "plugin/bench/zmq_links.h"

namespace {

using samehost::bench::CheckWholeBody;
using samehost::bench::FillBody;
using samehost::bench::StampBody;

std::atomic<bool> stopping{false};

uint64_t Nanos(clockid_t clock) {
  timespec now = {};
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}
uint64_t Now() { return Nanos(CLOCK_MONOTONIC); }

[[noreturn]] void Die(const char* what) {
  std::fprintf(stderr, "zmq worker: %s: %s\n", what, zmq_strerror(zmq_errno()));
  std::exit(1);
}
[[noreturn]] void DieOf(const char* what) {
  std::fprintf(stderr, "zmq worker: %s\n", what);
  std::exit(1);
}
void Check(bool good, const char* what) {
  if (!good) Die(what);
}

int TypeOf(const std::string& pattern, bool server) {
  if (pattern == "req" || pattern == "idle") return server ? ZMQ_REP : ZMQ_REQ;
  if (pattern == "dealer") return server ? ZMQ_ROUTER : ZMQ_DEALER;
  if (pattern == "push") return server ? ZMQ_PUSH : ZMQ_PULL;
  return server ? ZMQ_PUB : ZMQ_SUB;
}

bool Echoes(const std::string& pattern) { return pattern == "req" || pattern == "dealer"; }

void Serve(const std::string& pattern, void* socket, size_t bytes) {
  int wait_ms = 50;
  zmq_setsockopt(socket, ZMQ_RCVTIMEO, &wait_ms, sizeof(wait_ms));
  zmq_setsockopt(socket, ZMQ_SNDTIMEO, &wait_ms, sizeof(wait_ms));
  std::vector<char> body(bytes);
  FillBody(body, 0);
  uint64_t sequence = 0;
  const bool idle = pattern == "idle", echoes = Echoes(pattern);
  while (!stopping.load(std::memory_order_relaxed)) {
    if (idle) {
      usleep(10'000);
    } else if (echoes) {
      zmq_msg_t message;
      zmq_msg_init(&message);
      bool got = zmq_msg_recv(&message, socket, 0) >= 0;
      while (got) {
        const bool more = zmq_msg_more(&message) != 0;
        zmq_msg_send(&message, socket, more ? ZMQ_SNDMORE : 0);
        if (!more) break;
        zmq_msg_init(&message);
        got = zmq_msg_recv(&message, socket, 0) >= 0;
      }
      zmq_msg_close(&message);
    } else {
      StampBody(body, sequence + 1);
      if (zmq_send(socket, body.data(), bytes, 0) >= 0) ++sequence;
    }
  }
}

// Whether it is the message of this number: both of its ends say so, and now and then every byte is
// looked at.
bool IsMessage(const char* data, size_t bytes, uint64_t sequence) {
  if (sequence % 64 == 0) return CheckWholeBody({data, bytes}, bytes, sequence);
  return std::memcmp(data, &sequence, sizeof(sequence)) == 0 &&
         std::memcmp(data + bytes - sizeof(sequence), &sequence, sizeof(sequence)) == 0;
}

double Percentile(std::vector<uint32_t>& sorted, double fraction) {
  if (sorted.empty()) return 0;
  return sorted[std::min(sorted.size() - 1, static_cast<size_t>(fraction * sorted.size()))] / 1e3;
}

void Measure(const std::string& pattern, void* socket, size_t bytes, double seconds) {
  std::vector<char> body(bytes);
  FillBody(body, 0);
  uint64_t sequence = 0;
  std::vector<uint32_t> waits;
  waits.reserve(1 << 22);
  uint64_t count = 0, start = 0, cpu = 0, now = 0;
  const bool idle = pattern == "idle", echoes = Echoes(pattern);
  const auto once = [&] {
    if (echoes) {
      StampBody(body, ++sequence);
      const uint64_t began = Now();
      Check(zmq_send(socket, body.data(), bytes, 0) >= 0, "send");
      Check(zmq_recv(socket, body.data(), bytes, 0) == static_cast<int>(bytes), "recv");
      now = Now();
      if (!IsMessage(body.data(), bytes, sequence)) DieOf("another message than was sent");
      if (start != 0)
        waits.push_back(static_cast<uint32_t>(std::min<uint64_t>(now - began, UINT32_MAX)));
      return;
    }
    zmq_msg_t message;
    zmq_msg_init(&message);
    Check(zmq_msg_recv(&message, socket, 0) == static_cast<int>(bytes), "recv");
    // In the order they were sent in; a subscriber may miss some, and the first ones anyway.
    const char* data = static_cast<const char*>(zmq_msg_data(&message));
    uint64_t stamp = 0;
    std::memcpy(&stamp, data, sizeof(stamp));
    if (stamp <= sequence) DieOf("a message out of order");
    sequence = stamp;
    if (!IsMessage(data, bytes, sequence)) DieOf("another message than was sent");
    zmq_msg_close(&message);
  };
  if (idle) {
    body.resize(1);
    usleep(300'000);
  } else {
    const uint64_t warm = Now() + 100'000'000;
    while (Now() < warm) once();
  }
  start = Now();
  cpu = Nanos(CLOCK_PROCESS_CPUTIME_ID);
  const uint64_t end = start + static_cast<uint64_t>(seconds * 1e9);
  if (idle) {
    usleep(static_cast<useconds_t>(seconds * 1e6));
  } else {
    do {
      for (int i = 0; i < (echoes ? 1 : 64); ++i, ++count) once();
    } while (Now() < end);
  }
  const double took = static_cast<double>(Now() - start) / 1e9;
  cpu = Nanos(CLOCK_PROCESS_CPUTIME_ID) - cpu;
  std::sort(waits.begin(), waits.end());
  const samehost::bench::ZmqLinks links = samehost::bench::FindZmqLinks();
  std::printf(
      "{\"count\":%llu,\"seconds\":%.6f,\"p50_us\":%.3f,\"p99_us\":%.3f,\"p999_us\":%.3f,"
      "\"cpu_ns\":%llu,\"links\":%d,\"shared_messages\":%llu,\"shared_message_bytes\":%llu,"
      "\"shared_bytes\":%llu}\n",
      static_cast<unsigned long long>(count), took, Percentile(waits, 0.5), Percentile(waits, 0.99),
      Percentile(waits, 0.999), static_cast<unsigned long long>(cpu), links.count,
      static_cast<unsigned long long>(links.messages),
      static_cast<unsigned long long>(links.message_bytes),
      static_cast<unsigned long long>(links.bytes));
  std::fflush(stdout);
}

void* Open(void* context, const std::string& pattern, bool server) {
  void* socket = zmq_socket(context, TypeOf(pattern, server));
  Check(socket != nullptr, "socket");
  if (pattern == "pub" && !server) zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "", 0);
  const int linger = 0;
  zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof(linger));
  return socket;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) return 2;
  const std::string pattern = argv[1], role = argv[2], endpoint = argv[3];
  const size_t bytes = std::strtoull(argv[4], nullptr, 10);
  const double seconds = argc > 5 ? std::strtod(argv[5], nullptr) : 0;
  void* context = zmq_ctx_new();
  if (role == "serve" || role == "inproc") {
    void* socket = Open(context, pattern, true);
    Check(zmq_bind(socket, endpoint.c_str()) == 0, "bind");
    if (role == "inproc") {
      std::thread server([&] { Serve(pattern, socket, bytes); });
      void* client = Open(context, pattern, false);
      Check(zmq_connect(client, endpoint.c_str()) == 0, "connect");
      Measure(pattern, client, bytes, seconds);
      std::_Exit(0);
    }
    char bound[256] = {};
    size_t size = sizeof(bound);
    zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, bound, &size);
    std::printf("bound %s\n", bound);
    std::fflush(stdout);
    std::thread watcher([] {
      char byte;
      while (read(0, &byte, 1) > 0) {
      }
      stopping.store(true, std::memory_order_relaxed);
    });
    watcher.detach();
    Serve(pattern, socket, bytes);
    // Over all of its life; the start is small beside it.
    std::printf("{\"cpu_ns\":%llu}\n",
                static_cast<unsigned long long>(Nanos(CLOCK_PROCESS_CPUTIME_ID)));
    std::fflush(stdout);
    std::_Exit(0);
  }
  void* socket = Open(context, pattern, false);
  Check(zmq_connect(socket, endpoint.c_str()) == 0, "connect");
  Measure(pattern, socket, bytes, seconds);
  std::_Exit(0);
}
