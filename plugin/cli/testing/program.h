// Program: a real program in a process of its own, as a user starts it, with its standard streams
// held by the test. Killed (SIGKILL) and reaped by the destructor. What it does not do in two
// minutes is a failure of the test, never of the clock.
#ifndef SAMEHOST_PLUGIN_CLI_TESTING_PROGRAM_H_
#define SAMEHOST_PLUGIN_CLI_TESTING_PROGRAM_H_

#include <sys/types.h>

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "plugin/base/unique_fd.h"

namespace samehost::cli::testing {

using Words = std::vector<std::string>;
using Variables = std::map<std::string, std::string>;  // "" removes

// In this build tree.
std::string Samehost();
std::string StockEcho();  // gRPC
std::string StockZmq();
std::string TestData(const std::string& name);  // plugin/cli/testing/NAME
bool IsInstalled(const std::string& program);   // somewhere in PATH

class Program {
 public:
  Program(const Words& words, const Variables& variables);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  pid_t pid() const { return pid_; }
  // The next line on stdout, without its end; empty when there is none any more.
  std::string Line();
  // What is left on stdout until its end.
  std::string Rest();
  void Tell(const std::string& line);
  void CloseInput() { in_.Reset(); }
  // Waits for the end: the exit code, or 128 + signal.
  int Wait();
  // All that it has written to stderr so far.
  std::string Errors() const;

 private:
  pid_t pid_ = -1;
  bool reaped_ = false;
  int status_ = 0;
  UniqueFd in_;
  UniqueFd out_;
  UniqueFd errors_;  // an unnamed file
  std::string buffer_;
};

struct Ended {
  int code = -1;
  std::string out;
  std::string errors;
};
// Runs it to its end, with nothing on stdin.
Ended RunToEnd(const Words& words, const Variables& variables = {});

// A directory of its own, removed at the end.
class Scratch {
 public:
  Scratch();
  ~Scratch();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Nothing of samehost's or gRPC's switched on or off, and this rendezvous directory.
Variables CleanEnvironment(const std::string& directory);
// `samehost run OPTIONS -- WORDS`.
Words UnderRun(const Words& words, const Words& options = {});

// `samehost status --json`.
nlohmann::json Status(const Variables& variables = {});
// The entries of one of its lists whose address ends like this (":50051").
std::vector<nlohmann::json> Entries(const nlohmann::json& status, const std::string& list,
                                    const std::string& address_end);

// Calls `done` until it answers true; false after two minutes.
bool Eventually(const std::function<bool()>& done);

}  // namespace samehost::cli::testing

#endif  // SAMEHOST_PLUGIN_CLI_TESTING_PROGRAM_H_
