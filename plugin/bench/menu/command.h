// `samehost-bench menu` and `samehost-bench compare` on the command line.
#ifndef SAMEHOST_PLUGIN_BENCH_MENU_COMMAND_H_
#define SAMEHOST_PLUGIN_BENCH_MENU_COMMAND_H_

#include <CLI/CLI.hpp>
#include <functional>

namespace samehost::bench::menu {

// Adds them, and `page`, which draws a report anew. When one was given on the command line,
// `*chosen` is what to run; it returns the exit code and throws BenchFailure.
void AddCommands(CLI::App& app, std::function<int()>* chosen);

}  // namespace samehost::bench::menu

#endif  // SAMEHOST_PLUGIN_BENCH_MENU_COMMAND_H_
