#include "plugin/cli/switch.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "plugin/base/setting.h"
#include "plugin/base/settings_file.h"
#include "plugin/cli/exit_code.h"
#include "plugin/rendezvous/directory.h"
#include "plugin/rendezvous/switches.h"

namespace samehost::cli {
namespace {

using rendezvous::kExcludeFile;
using rendezvous::kOffFile;

std::string DirectoryOf(const SwitchOptions& options) {
  if (!options.directory.empty()) return options.directory;
  const std::string set = SettingOr("SAMEHOST_DIR");
  return set.empty() ? rendezvous::kSystemBase : set;
}

// Whether this user's file would be obeyed by others; says what else can be done.
bool MayUse(const std::string& directory, const char* command) {
  if (geteuid() == 0 || directory != rendezvous::kSystemBase) return true;
  std::fprintf(stderr,
               "samehost: only root may switch the machine: sudo samehost %s\n"
               "For one program: SAMEHOST=off PROGRAM, or samehost run --exclude ADDRESS.\n",
               command);
  return false;
}

int Failed(const Error& error) {
  std::fprintf(stderr, "samehost: %s\n", ToString(error).c_str());
  return kFailed;
}

void TellOff(const std::string& what, const std::string& path) {
  std::printf(
      "%s (%s). New connections use sockets;\n"
      "running processes leave shared memory within %lld seconds, calls under way finish first.\n"
      "`samehost on` ends it, `samehost status` shows which links are left.\n",
      what.c_str(), path.c_str(),
      static_cast<long long>(rendezvous::kSwitchInterval / std::chrono::seconds(1)));
}

}  // namespace

int SwitchOff(const SwitchOptions& options) {
  const std::string directory = DirectoryOf(options);
  if (!MayUse(directory, "off")) return kFailed;
  const bool all = options.exclude.empty();
  const char* const name = all ? kOffFile : kExcludeFile;
  std::string content = "# made by samehost off\n";
  for (const std::string& item : options.exclude) content += item + "\n";
  if (samehost::Status written = rendezvous::WriteSwitchFile(directory, name, content);
      !written.ok()) {
    return Failed(written.error());
  }
  const std::string path = directory + "/" + name;
  if (all) {
    TellOff("Shared memory is off", path);
  } else {
    TellOff("Shared memory is off for " + std::to_string(options.exclude.size()) +
                (options.exclude.size() == 1 ? " address" : " addresses"),
            path);
  }
  return kOk;
}

int SwitchOn(const SwitchOptions& options) {
  const std::string directory = DirectoryOf(options);
  if (!MayUse(directory, "on")) return kFailed;
  bool any = false;
  for (const char* name : {kOffFile, kExcludeFile}) {
    const auto removed = rendezvous::RemoveSwitchFile(directory, name);
    if (!removed.ok()) return Failed(removed.error());
    any = any || *removed;
  }
  std::puts(any ? "Shared memory is on: connections use it from their next attempt to connect."
                : "Shared memory was not switched off here.");
  for (const std::string& line : SwitchLines()) std::printf("Note: %s\n", line.c_str());
  return kOk;
}

std::vector<std::string> SwitchLines() {
  std::vector<std::string> lines;
  if (const auto setting = rendezvous::SwitchedOffAsAWhole()) {
    lines.push_back("shared memory is switched off: " + *setting);
  }
  const rendezvous::SwitchFiles files = rendezvous::ReadSwitchFiles("");
  if (!files.off.empty()) {
    lines.push_back("shared memory is switched off: " + files.off +
                    " is there (samehost on removes it)");
  }
  for (const auto& exclusion : files.excluded) {
    lines.push_back(exclusion.item + " is excluded from shared memory by " + exclusion.path);
  }
  return lines;
}

Findings CheckSwitches(const std::string& directory) {
  Findings out;
  const SettingsFile& settings = MachineSettings();
  for (const std::string& problem : settings.problems) {
    out.push_back({Grade::kNote, SettingsFile::kPath, problem,
                   "correct it; it is to be root's, mode 0644, with lines NAME=value"});
  }
  if (settings.present && settings.problems.empty()) {
    std::string names;
    for (const auto& [name, value] : settings.values) names += (names.empty() ? "" : ", ") + name;
    out.push_back(
        {Grade::kGood, SettingsFile::kPath, names.empty() ? "sets nothing" : "sets " + names, ""});
  }
  const rendezvous::SwitchFiles files = rendezvous::ReadSwitchFiles(directory);
  if (!files.off.empty()) {
    out.push_back({Grade::kBad, "machine's switch", files.off + " switches shared memory off",
                   "as root: samehost on"});
  }
  for (const auto& exclusion : files.excluded) {
    const bool good = rendezvous::IsExclusion(exclusion.item);
    out.push_back({Grade::kNote, "machine's switch",
                   exclusion.path + (good ? " excludes " : " has a line that is no address: ") +
                       exclusion.item,
                   good ? "as root: samehost on" : "IP:PORT, [IPV6]:PORT, :PORT, unix:/PATH"});
  }
  for (const std::string& ignored : files.ignored) {
    out.push_back({Grade::kNote, "machine's switch", ignored, "remove it, or make it root's"});
  }
  if (files.off.empty() && files.excluded.empty() && files.ignored.empty()) {
    out.push_back({Grade::kGood, "machine's switch", "on", ""});
  }
  return out;
}

}  // namespace samehost::cli
