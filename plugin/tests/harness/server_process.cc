#include "plugin/tests/harness/server_process.h"

#include <gtest/gtest.h>

#include <atomic>

namespace samehost::testing {
namespace {

ChildProcess::Options ProgramOf(const ServerOptions& options) {
  ChildProcess::Options child;
  // A stock server is a program that does not even link samehost.
  child.program = IsSamehost(options.transport) ? "behaviour_server_samehost" : "behaviour_server";
  child.flags = {
      "--api=" + std::string(Name(options.api)),
      "--address=" + (options.address.empty() ? FreshAddress(options.transport) : options.address)};
  child.flags.insert(child.flags.end(), options.flags.begin(), options.flags.end());
  child.environment = options.environment;
  child.stderr_file = options.stderr_file;
  return child;
}

}  // namespace

const char* Name(Api api) {
  switch (api) {
    case Api::kSync:
      return "Sync";
    case Api::kAsync:
      return "Async";
    case Api::kCallback:
      return "Callback";
    case Api::kGeneric:
      return "Generic";
    case Api::kGenericCallback:
      return "GenericCallback";
  }
  return "";
}

std::string FreshAddress(TransportKind kind) {
  static std::atomic<int> number{0};
  if (!IsUnix(kind)) return ProcessHost() + ":0";
  return "unix:" + ProcessDirectory() + "/" + std::to_string(++number) + ".sock";
}

ServerProcess::ServerProcess(const ServerOptions& options) : process_(ProgramOf(options)) {
  std::string line = process_.Hear();  // "READY target"
  EXPECT_EQ(line.rfind("READY ", 0), 0u) << "the server did not start: " << line;
  if (line.size() > 6) target_ = line.substr(6);
}

}  // namespace samehost::testing
