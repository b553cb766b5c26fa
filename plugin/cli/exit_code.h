// The exit codes of the samehost command (docs/cli.md and the man page say the same).
#ifndef SAMEHOST_PLUGIN_CLI_EXIT_CODE_H_
#define SAMEHOST_PLUGIN_CLI_EXIT_CODE_H_

namespace samehost::cli {

enum ExitCode : int {
  kOk = 0,               // done; explain: shared memory would be used; doctor: nothing is missing
  kNo = 1,               // explain: a socket would be used; doctor: something is missing
  kUsage = 2,            // the command line makes no sense
  kFailed = 3,           // the command itself could not do its work; the message says why
  kCannotRun = 126,      // run: the program is there and cannot be executed
  kNoSuchProgram = 127,  // run: there is no such program
};

}  // namespace samehost::cli

#endif  // SAMEHOST_PLUGIN_CLI_EXIT_CODE_H_
