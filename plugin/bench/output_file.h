// Writes what the user wants in a file: a report as JSON, CSV or HTML. Throws BenchFailure.
#ifndef SAMEHOST_PLUGIN_BENCH_OUTPUT_FILE_H_
#define SAMEHOST_PLUGIN_BENCH_OUTPUT_FILE_H_

#include <string>

namespace samehost::bench {

// Does nothing when `file` is empty.
void WriteOutput(const std::string& file, const std::string& text);

// Fails before minutes of measuring, not behind them, when the folder of `file` is not there or
// not writable.
void RequireWritable(const std::string& file);

}  // namespace samehost::bench

#endif  // SAMEHOST_PLUGIN_BENCH_OUTPUT_FILE_H_
