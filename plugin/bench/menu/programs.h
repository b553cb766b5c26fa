// Where the programs are that hold the ends (catalog.h: Program).
#ifndef SAMEHOST_PLUGIN_BENCH_MENU_PROGRAMS_H_
#define SAMEHOST_PLUGIN_BENCH_MENU_PROGRAMS_H_

#include <string>

#include "plugin/bench/menu/catalog.h"

namespace samehost::bench::menu {

// Beside the running program, or one folder further up in a build tree. Empty when not there.
std::string FindProgram(Program program);
// The folder of samehost's libzmq.so.5; empty when it was not built.
std::string FindSamehostZmq();

}  // namespace samehost::bench::menu

#endif  // SAMEHOST_PLUGIN_BENCH_MENU_PROGRAMS_H_
