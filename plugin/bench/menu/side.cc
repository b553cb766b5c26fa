#include "plugin/bench/menu/side.h"

#include <sys/resource.h>
#include <time.h>

#include <algorithm>

#include "plugin/bench/clock.h"
#include "plugin/bench/payload.h"

namespace samehost::bench::menu {
namespace {

// Memory is touched only as samples arrive, so generous is free.
constexpr uint64_t kReservedSamples = 4'000'000;

std::span<char> Chars(std::span<std::byte> bytes) {
  return {reinterpret_cast<char*>(bytes.data()), bytes.size()};
}

uint64_t OwnSleeps() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<uint64_t>(usage.ru_nvcsw);
}

}  // namespace

void Side::SendNumber(uint64_t size, uint64_t number) {
  const std::span<std::byte> message = channel_->Buffer(size);
  StampBody(Chars(message), number);
  channel_->Send(message);
}

void Side::ReceiveNumber(uint64_t size, uint64_t number, bool every_byte) {
  const std::span<const std::byte> bytes = channel_->Receive();
  const std::string_view message(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const bool good =
      every_byte ? CheckWholeBody(message, size, number) : CheckBody(message, size, number);
  if (!good) throw BenchFailure("wrong payload in message " + std::to_string(number));
}

void Side::RoundTrips(const RunSpec& spec, uint64_t first, uint64_t count, bool warm_up,
                      Samples* samples) {
  const bool every_byte = warm_up || spec.check_every_byte;
  for (uint64_t number = first; number < first + count; ++number) {
    if (role_ == Role::kServer) {
      ReceiveNumber(spec.size, number, every_byte);
      SendNumber(spec.size, number);
      continue;
    }
    const std::span<std::byte> message = channel_->Buffer(spec.size);
    StampBody(Chars(message), number);
    const uint64_t begin = NowNs();
    channel_->Send(message);
    const std::span<const std::byte> bytes = channel_->Receive();
    const uint64_t end = NowNs();
    if (samples != nullptr) samples->Add(end - begin);
    const std::string_view answer(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const bool good = every_byte ? CheckWholeBody(answer, spec.size, number)
                                 : CheckBody(answer, spec.size, number);
    if (!good) throw BenchFailure("wrong payload in answer " + std::to_string(number));
  }
}

// The answer to all of them has the number and the size of the last.
void Side::OneWay(const RunSpec& spec, uint64_t first, uint64_t count, bool warm_up) {
  if (count == 0) return;
  const bool every_byte = warm_up || spec.check_every_byte;
  for (uint64_t number = first; number < first + count; ++number) {
    if (role_ == Role::kServer) {
      ReceiveNumber(spec.size, number, every_byte);
    } else {
      SendNumber(spec.size, number);
    }
  }
  if (role_ == Role::kServer) {
    SendNumber(spec.size, first + count - 1);
  } else {
    ReceiveNumber(spec.size, first + count - 1, every_byte);
  }
}

uint64_t Side::CpuNs() const {
  uint64_t sum = OwnCpuNs();
  for (pid_t broker : channel_->Brokers()) {
    clockid_t clock;
    if (::clock_getcpuclockid(broker, &clock) == 0) sum += ReadClock(clock);
  }
  return sum;
}

RunResult Side::Run(const RunSpec& spec) {
  FillBody(Chars(channel_->Buffer(spec.size)), spec.first);
  RunResult result;
  if (spec.task == Task::kRoundTrips) {
    RoundTrips(spec, spec.first, spec.warm_up, true, nullptr);
  } else {
    OneWay(spec, spec.first, spec.warm_up, true);
  }
  if (role_ == Role::kClient && spec.task == Task::kRoundTrips) {
    result.samples.Reserve(std::min(spec.count, kReservedSamples));
  }
  const uint64_t sleeps = OwnSleeps();
  const uint64_t cpu = CpuNs();
  const uint64_t begin = NowNs();
  if (spec.task == Task::kRoundTrips) {
    RoundTrips(spec, spec.first + spec.warm_up, spec.count, false,
               role_ == Role::kClient ? &result.samples : nullptr);
  } else {
    OneWay(spec, spec.first + spec.warm_up, spec.count, false);
  }
  result.wall_ns = NowNs() - begin;
  result.cpu_ns = CpuNs() - cpu;
  result.sleeps = OwnSleeps() - sleeps;
  return result;
}

}  // namespace samehost::bench::menu
