#include "plugin/cli/run.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "plugin/base/setting.h"
#include "plugin/cli/exit_code.h"

namespace samehost::cli {
namespace {

std::string Environment(const char* name) {
  const char* value = getenv(name);
  return value != nullptr ? value : "";
}

// `first`, and what the variable has, unless it is there already: a program under `samehost run`
// may start another one the same way.
std::string Prepended(const std::string& first, const std::string& list, char separator) {
  if (list.empty()) return first;
  std::string_view left = list;
  while (!left.empty()) {
    const size_t end = left.find_first_of(separator == ':' ? ":" : ": ");
    if (left.substr(0, end) == first) return list;
    left = end == std::string_view::npos ? "" : left.substr(end + 1);
  }
  return first + separator + list;
}

bool TakesLibraries(const ProgramFile& program) {
  return !program.privileged && program.kind != ProgramKind::kStatic &&
         program.kind != ProgramKind::kForeign;
}

// The dynamic linker splits these lists at spaces and colons and knows no way to quote them.
bool CanBeListed(const std::string& path) {
  return !path.empty() && path.find_first_of(" :;") == std::string::npos;
}

void Tell(const std::string& text) { std::fprintf(stderr, "samehost: %s\n", text.c_str()); }

std::string Join(const std::vector<std::string>& items) {
  std::string out;
  for (const std::string& item : items) out += (out.empty() ? "" : ",") + item;
  return out;
}

// `items` in front of what is set: the variable stands in for the machine's file as well.
void AddToList(const char* name, const std::vector<std::string>& items, std::vector<Setting>* out) {
  if (items.empty()) return;
  const std::string before = SettingOr(name);
  out->push_back({name, Join(items) + (before.empty() ? "" : "," + before)});
}

void AddOptions(const RunOptions& options, std::vector<Setting>* out) {
  // samehost's libzmq leaves TCP alone unless it is told; here it is.
  if (out->back().name == "LD_LIBRARY_PATH" && SettingOr("SAMEHOST_ZMQ").empty()) {
    out->push_back({"SAMEHOST_ZMQ", "ipc,tcp"});
  }
  if (options.replace_tls) out->push_back({"SAMEHOST_REPLACE_TLS", "1"});
  if (!options.wait.empty()) out->push_back({"SAMEHOST_WAIT", options.wait});
  if (!options.directory.empty()) out->push_back({"SAMEHOST_DIR", options.directory});
  AddToList("SAMEHOST_EXCLUDE", options.exclude, out);
  AddToList("SAMEHOST_ALLOW_USERS", options.allow_users, out);
  AddToList("SAMEHOST_ALLOW_GROUPS", options.allow_groups, out);
  if (options.verbose && Environment("SAMEHOST_LOG").empty()) {
    out->push_back({"SAMEHOST_LOG", "info"});
  }
}

// The libraries that samehost stands in front of, or in the place of, in this program.
std::vector<std::string> Served(const RunOptions& options, const Installation& installation) {
  std::vector<std::string> out;
  if (options.grpc && CanBeListed(installation.preload)) out.emplace_back(SAMEHOST_GRPC_SONAME);
  if (options.zmq && CanBeListed(installation.zmq_folder)) out.emplace_back("libzmq.so.5");
  return out;
}

std::string Listed(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : " and ") + name;
  return out;
}

// What the program loads is not known before it runs, so this says what would be served.
void AddWhatIsServed(const RunOptions& options, const ProgramFile& program,
                     const Installation& installation, std::vector<Remark>* out) {
  const std::string kind = program.kind == ProgramKind::kScript ? " is a script: its interpreter"
                                                                : " is dynamically linked: it";
  const std::string needs = program.needs.empty() ? "" : " needs " + Listed(program.needs) + " and";
  const std::vector<std::string> served = Served(options, installation);
  if (served.empty()) {
    out->push_back({true, program.path + kind + needs + " is not served"});
    return;
  }
  out->push_back({true, program.path + kind + needs + " is served where it loads " +
                            Listed(served) + " as libraries of the system"});
  out->push_back(
      {true,
       "a module with a gRPC or ZeroMQ of its own (Python's wheels, python3-grpcio, Node "
       "addons) is not served: samehost status names it once it is loaded"});
}

void AddKind(const RunOptions& options, const ProgramFile& program,
             const Installation& installation, std::vector<Remark>* out) {
  switch (program.kind) {
    case ProgramKind::kDynamic:
    case ProgramKind::kScript:
      return AddWhatIsServed(options, program, installation, out);
    case ProgramKind::kStatic:
      return out->push_back({true, program.path + " is statically linked: it is not served"});
    case ProgramKind::kForeign:
      return out->push_back(
          {true, program.path + " is for another kind of processor: it is not served"});
    case ProgramKind::kOther:
      return out->push_back({true, program.path + " could not be looked into"});
  }
}

void AddParts(const ProgramFile& program, std::vector<Remark>* out) {
  const auto add = [&](const char* what) {
    out->push_back({true, std::string("a copy of ") + what + " is part of " + program.path +
                              ": that " + what + " is not served"});
  };
  if (program.own.grpc) add("gRPC");
  if (program.own.zmq) add("libzmq");
  for (const std::string& name : program.needs) {
    const bool other_soname = name.starts_with("libgrpc.so") && name != SAMEHOST_GRPC_SONAME;
    if (!other_soname && name.find("_unsecure") == std::string::npos) continue;
    out->push_back({true, name +
                              " is not the gRPC that samehost was built for (" SAMEHOST_GRPC_SONAME
                              "): it is not served"});
  }
}

}  // namespace

std::vector<Setting> SettingsFor(const RunOptions& options, const ProgramFile& program,
                                 const Installation& installation) {
  std::vector<Setting> out;
  if (!TakesLibraries(program)) return out;
  if (options.grpc && CanBeListed(installation.preload)) {
    out.push_back({"LD_PRELOAD", Prepended(installation.preload, Environment("LD_PRELOAD"), ' ')});
  }
  if (options.zmq && CanBeListed(installation.zmq_folder)) {
    out.push_back({"LD_LIBRARY_PATH",
                   Prepended(installation.zmq_folder, Environment("LD_LIBRARY_PATH"), ':')});
  }
  if (!out.empty()) AddOptions(options, &out);
  return out;
}

std::vector<Remark> RemarksOn(const RunOptions& options, const ProgramFile& program,
                              const Installation& installation) {
  std::vector<Remark> out;
  if (program.privileged) {
    out.push_back({false, program.path + " runs with rights of its own (" + program.why_privileged +
                              "): it is not served"});
    return out;
  }
  AddKind(options, program, installation, &out);
  AddParts(program, &out);
  if (options.grpc && !kWithGrpc) {
    out.push_back({true, "this samehost was built without gRPC: gRPC is not served"});
  } else if (options.grpc && !CanBeListed(installation.preload)) {
    out.push_back({false, installation.preload.empty()
                              ? std::string("libsamehost-preload.so is not where it was installed: "
                                            "gRPC is not served")
                              : "the dynamic linker cannot preload " + installation.preload +
                                    ", its path has a space or a colon: gRPC is not served"});
  }
  if (options.zmq && installation.zmq_folder.empty()) {
    out.push_back({true, "no libzmq of samehost's is installed: ZeroMQ is not served"});
  }
  return out;
}

int Run(const RunOptions& options) {
  const std::string& name = options.program.front();
  const Result<std::string> path = FindProgram(name);
  if (!path) {
    const bool missing = path.error().code == ErrorCode::kNotFound;
    Tell(name + ": " + (missing ? "no such program" : std::strerror(path.error().sys_errno)));
    return missing ? kNoSuchProgram : kCannotRun;
  }
  const Result<ProgramFile> program = InspectProgram(*path, options.verbose);
  if (!program) {
    Tell(ToString(program.error()));
    return kCannotRun;
  }
  const Installation installation = FindInstallation();
  for (const Remark& remark : RemarksOn(options, *program, installation)) {
    if (options.verbose || !remark.verbose) Tell(remark.text);
  }
  for (const Setting& setting : SettingsFor(options, *program, installation)) {
    setenv(setting.name.c_str(), setting.value.c_str(), 1);
  }
  std::vector<char*> arguments;
  for (const std::string& argument : options.program) {
    arguments.push_back(const_cast<char*>(argument.c_str()));  // execvp(3) does not change them
  }
  arguments.push_back(nullptr);
  execvp(name.c_str(), arguments.data());
  const int code = errno;
  Tell(name + ": " + std::strerror(code));
  return code == ENOENT ? kNoSuchProgram : kCannotRun;
}

}  // namespace samehost::cli
