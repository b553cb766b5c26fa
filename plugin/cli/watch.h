// Watch: draws lines over the whole terminal again and again, like top(1): on the alternate screen,
// each frame in one write and over the one before, so that nothing flickers. `q` and Ctrl-C end it;
// a new size of the terminal is drawn at once. The terminal is put back whatever signal ends it.
//
// Called once, from the main thread.
#ifndef SAMEHOST_PLUGIN_CLI_WATCH_H_
#define SAMEHOST_PLUGIN_CLI_WATCH_H_

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace samehost::cli {

// `look` is called every `seconds`. `draw` is asked for the lines after that and when the size
// changes, with the terminal's columns. The exit code: kOk when the user ended it; kFailed when
// stdout is no terminal.
int Watch(double seconds, const std::function<void()>& look,
          const std::function<std::vector<std::string>(size_t columns)>& draw);

// The columns of the terminal that stdout is; 0 when it is none.
size_t TerminalColumns();

// One frame: the escape sequences that draw `lines` into a terminal of this size.
std::string Frame(const std::vector<std::string>& lines, int rows, int columns);

}  // namespace samehost::cli

#endif  // SAMEHOST_PLUGIN_CLI_WATCH_H_
