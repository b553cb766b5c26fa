// The table of what is measured.
#ifndef SAMEHOST_PLUGIN_BENCH_CASES_H_
#define SAMEHOST_PLUGIN_BENCH_CASES_H_

#include <string>
#include <vector>

#include "plugin/bench/load.h"

namespace samehost::bench {

enum class CaseKind {
  kLoad,      // every transport runs `spec`
  kIdle,      // idle.h
  kBareLink,  // bare_link.h
};

struct Case {
  std::string name{};   // stable: --cases, JSON
  std::string title{};  // one line for the reader
  LoadSpec spec{};
  int client_processes = 1;
  bool callback_server = false;
  int handler_wait_us = 0;  // microseconds that a handler of the synchronous server sleeps
  bool raised_allocator = false;
  CaseKind kind = CaseKind::kLoad;
};

// In the order of the report.
const std::vector<Case>& AllCases();

}  // namespace samehost::bench

#endif  // SAMEHOST_PLUGIN_BENCH_CASES_H_
