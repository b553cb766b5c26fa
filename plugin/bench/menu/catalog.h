// The menu: every mechanism there is to measure, in the order of the report, whether or not it can
// be had here.
#ifndef SAMEHOST_PLUGIN_BENCH_MENU_CATALOG_H_
#define SAMEHOST_PLUGIN_BENCH_MENU_CATALOG_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace samehost::bench::menu {

enum class Waiting {
  kSleeps,           // whoever waits gives the processor away at once
  kSpins,            // whoever waits keeps a processor busy
  kSpinsThenSleeps,  // looks for a while first
};

// Which program runs the two ends (programs/).
enum class Program {
  kStock,  // without samehost's gRPC transport, which replaces gRPC's polling in the whole process
  kSamehost,  // with it
  kRivals,    // other people's libraries, which are in no other process
};

struct Mechanism {
  std::string name{};   // stable: --only, JSON
  std::string title{};  // for the reader
  std::string family{};
  Waiting waiting = Waiting::kSleeps;
  Program program = Program::kStock;
  bool one_process = false;                // both ends are threads of one process
  size_t max_message = SIZE_MAX;           // of bare wake-ups: what a message can carry
  std::vector<std::string> environment{};  // of its two processes
  std::string missing{};                   // why it cannot be measured here; empty: it can
};

// Looks for what can be missing at run time, too.
std::vector<Mechanism> Catalog();

const char* Name(Waiting waiting);
const char* FileName(Program program);

}  // namespace samehost::bench::menu

#endif  // SAMEHOST_PLUGIN_BENCH_MENU_CATALOG_H_
