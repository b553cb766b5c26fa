// What an end is told to do for one slice, and what it answers.
#ifndef SAMEHOST_PLUGIN_BENCH_MENU_RUN_SPEC_H_
#define SAMEHOST_PLUGIN_BENCH_MENU_RUN_SPEC_H_

#include <cstdint>
#include <nlohmann/json.hpp>

#include "plugin/bench/samples.h"

namespace samehost::bench::menu {

enum class Task {
  kRoundTrips,  // client: sends, receives the answer, again; server: answers
  kOneWay,      // client: sends all, then waits for one answer; server: takes all, answers once
};
NLOHMANN_JSON_SERIALIZE_ENUM(Task, {{Task::kRoundTrips, "round_trips"}, {Task::kOneWay, "one_way"}})

// Both ends get the same.
struct RunSpec {
  Task task = Task::kRoundTrips;
  uint64_t size = 16;             // bytes of each message
  uint64_t warm_up = 0;           // messages before the clocks start, every byte of them checked
  uint64_t count = 1;             // messages that are measured
  uint64_t first = 0;             // number of the first of all of them
  bool check_every_byte = false;  // of the measured ones, too
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(RunSpec, task, size, warm_up, count, first, check_every_byte)

struct RunResult {
  uint64_t wall_ns = 0;  // of the measured messages
  uint64_t cpu_ns = 0;   // of this end's process and its brokers, meanwhile
  uint64_t sleeps = 0;   // voluntary context switches of this end's process, meanwhile
  Samples samples;       // client, round trips: each one
};

}  // namespace samehost::bench::menu

#endif  // SAMEHOST_PLUGIN_BENCH_MENU_RUN_SPEC_H_
