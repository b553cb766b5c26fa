// `samehost run`: becomes another program, with samehost's libraries in its way.
#ifndef SAMEHOST_PLUGIN_CLI_RUN_H_
#define SAMEHOST_PLUGIN_CLI_RUN_H_

#include <string>
#include <vector>

#include "plugin/cli/installation.h"
#include "plugin/cli/program_file.h"

namespace samehost::cli {

struct RunOptions {
  std::vector<std::string> program;  // and its arguments; not empty
  bool verbose = false;
  bool replace_tls = false;
  bool grpc = true;
  bool zmq = true;
  std::string wait = "";       // "": as the environment says
  std::string directory = "";  // "": as the environment says
  std::vector<std::string> exclude = {};
  std::vector<std::string> allow_users = {};
  std::vector<std::string> allow_groups = {};
};

// One change of the environment.
struct Setting {
  std::string name;
  std::string value;
  bool operator==(const Setting&) const = default;
};
// What is set for the program, given the present environment (getenv). Nothing for a program that
// samehost has to leave alone.
std::vector<Setting> SettingsFor(const RunOptions& options, const ProgramFile& program,
                                 const Installation& installation);
// What a user should know before the program starts; `verbose` lines are for --verbose only.
struct Remark {
  bool verbose = false;
  std::string text;
};
std::vector<Remark> RemarksOn(const RunOptions& options, const ProgramFile& program,
                              const Installation& installation);

// Does not come back when the program has started. Otherwise the exit code.
int Run(const RunOptions& options);

}  // namespace samehost::cli

#endif  // SAMEHOST_PLUGIN_CLI_RUN_H_
