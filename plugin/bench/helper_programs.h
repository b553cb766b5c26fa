// Where samehost-bench finds the programs that it starts, and samehost's libzmq.so.5: in a build
// tree beside itself, in an installation in <libexecdir>/samehost and <libdir>/samehost, from its
// own place (/proc/self/exe), so that an installation may be moved. Users never start these
// programs. Any thread.
#ifndef SAMEHOST_PLUGIN_BENCH_HELPER_PROGRAMS_H_
#define SAMEHOST_PLUGIN_BENCH_HELPER_PROGRAMS_H_

#include <filesystem>
#include <string>

namespace samehost::bench {

inline constexpr const char* kStockProgram = "samehost-bench-stock";    // no samehost in it
inline constexpr const char* kRivalsProgram = "samehost-bench-rivals";  // of `menu`
inline constexpr const char* kLinkProgram = "samehost-bench-link";      // of case `link`
inline constexpr const char* kZmqProgram = "samehost-bench-zmq-worker";

// The path of the running program.
std::filesystem::path OwnProgram();

// Empty when it is not there.
std::string FindHelper(const std::string& name);
// The folder of samehost's libzmq.so.5; empty when it is not there.
std::string FindSamehostZmq();

// What is missing, where it was looked for and what to do: a sentence for the user.
std::string MissingHelper(const std::string& name);
std::string MissingSamehostZmq();

// Throw BenchFailure with that sentence when it is not there.
std::string RequireHelper(const std::string& name);
std::string RequireSamehostZmq();

}  // namespace samehost::bench

#endif  // SAMEHOST_PLUGIN_BENCH_HELPER_PROGRAMS_H_
