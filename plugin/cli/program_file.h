// What kind of file a program is, as far as `samehost run` must know: whether the dynamic linker
// would load libraries of ours into it, and what it brings along itself.
//
// Plain functions, any thread. The file is only read, and nothing in it is believed.
#ifndef SAMEHOST_PLUGIN_CLI_PROGRAM_FILE_H_
#define SAMEHOST_PLUGIN_CLI_PROGRAM_FILE_H_

#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/cli/own_copy.h"

namespace samehost::cli {

enum class ProgramKind {
  kDynamic,  // a program of this machine that takes preloaded libraries
  kScript,   // "#!": its interpreter decides
  kStatic,   // no dynamic linker
  kForeign,  // of another processor or word size
  kOther,    // no ELF file; execve() decides
};

struct ProgramFile {
  std::string path;
  ProgramKind kind = ProgramKind::kOther;
  // It runs with rights that its caller has not: the dynamic linker ignores preloaded libraries.
  bool privileged = false;
  std::string why_privileged = "";  // "setuid", "setgid", "file capabilities"
  // What is part of the file, and the libraries of gRPC and ZeroMQ that it needs itself
  // ("libzmq.so.5"); only if asked for.
  OwnCopy own = {};
  std::vector<std::string> needs = {};
};

// The file that execvp(3) would run for `name`. Errors: kNotFound, kSystem (EACCES: found and not
// executable).
Result<std::string> FindProgram(const std::string& name);
// `look_inside`: all of it is read, which takes a tenth of a second for a large program. Errors:
// kSystem.
Result<ProgramFile> InspectProgram(const std::string& path, bool look_inside = true);

}  // namespace samehost::cli

#endif  // SAMEHOST_PLUGIN_CLI_PROGRAM_FILE_H_
