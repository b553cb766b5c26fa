// CheckDirectory(), CheckLimits(), CheckEnvironment(): what surrounds a process.
#include <sys/resource.h>
#include <sys/stat.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "plugin/base/cpu_limits.h"
#include "plugin/base/descriptor_headroom.h"
#include "plugin/base/memory_headroom.h"
#include "plugin/base/setting.h"
#include "plugin/cli/finding.h"
#include "plugin/cli/proc.h"
#include "plugin/cli/setting_values.h"
#include "plugin/rendezvous/directory.h"
#include "plugin/rendezvous/fallback_reason.h"
#include "plugin/rendezvous/handshake.h"
#include "plugin/rendezvous/rendezvous.h"
#include "plugin/rendezvous/sweep.h"
#include "plugin/rendezvous/switches.h"

namespace samehost::cli {
namespace {

std::string Limit(rlim_t value) {
  return value == RLIM_INFINITY ? "unlimited" : std::to_string(value);
}

std::string Environment(const char* name) {
  const char* value = getenv(name);
  return value != nullptr ? value : "";
}

// What a link takes as long as it is small.
constexpr uint64_t kSmallLinkBytes = 80 * 1024;

Finding OfMemory() {
  const uint64_t left = MemoryHeadroom();
  if (left == UINT64_MAX) return {Grade::kNote, "memory", "how much is left cannot be told", ""};
  const std::string text = std::to_string(left >> 20) + " MiB left for this process";
  if (MemoryAllows(kSmallLinkBytes)) {
    return {Grade::kGood, "memory", text + " (machine and cgroup)", ""};
  }
  return {Grade::kBad, "memory", text, "raise the cgroup's memory limit or free memory"};
}

Finding OfProcessors() {
  const CpuLimits limits = ReadCpuLimits();
  char text[96];
  std::snprintf(text, sizeof(text), "%d allowed, quota %s", limits.allowed,
                limits.quota > 0 ? std::to_string(limits.quota).c_str() : "none");
  if (limits.effective >= 2) return {Grade::kGood, "processors", text, ""};
  return {Grade::kNote, "processors",
          std::string(text) + ": waiting threads sleep at once, which costs latency",
          "two processors without a quota allow them to spin before they sleep"};
}

Finding OfDescriptors() {
  rlimit files = {};
  getrlimit(RLIMIT_NOFILE, &files);
  const std::string text = "limit " + Limit(files.rlim_cur) + ", at most " + Limit(files.rlim_max);
  if (!DescriptorsAllow(rendezvous::kSpareDescriptors)) {
    return {Grade::kBad, "file descriptors", text + ", too few are left", "raise ulimit -n"};
  }
  if (files.rlim_cur < 1024) {
    return {Grade::kNote, "file descriptors", text + ": a link takes up to 6 on each side",
            "raise ulimit -n for programs with many connections"};
  }
  return {Grade::kGood, "file descriptors", text, ""};
}

Finding OfLockedMemory() {
  rlimit locked = {};
  getrlimit(RLIMIT_MEMLOCK, &locked);
  return {Grade::kGood, "locked memory",
          "limit " + Limit(locked.rlim_cur) + " bytes; samehost locks none", ""};
}

std::string Swept(size_t entries) {
  if (entries == 0) return "";
  return "; " + std::to_string(entries) +
         (entries == 1 ? " entry of a dead server was" : " entries of dead servers were") +
         " removed";
}

}  // namespace

Findings CheckDirectory(const std::string& configured) {
  Findings out;
  const auto folder = rendezvous::OpenOwnFolder(configured);
  if (!folder) {
    const Fallback why = rendezvous::ToFallback(folder.error());
    out.push_back({Grade::kBad, "rendezvous directory", ToString(folder.error()),
                   std::string(Explain(why.reason, "grpc"))});
    return out;
  }
  const size_t swept = rendezvous::SweepOwnFolders(configured);
  struct stat status = {};
  fstat((*folder)->fd.get(), &status);
  char mode[8];
  std::snprintf(mode, sizeof(mode), "%04o", status.st_mode & 07777);
  out.push_back({Grade::kGood, "rendezvous directory",
                 (*folder)->path + ", mode " + mode + ", owner " + std::to_string(status.st_uid) +
                     Swept(swept),
                 ""});
  const std::string& path = (*folder)->path;
  const bool system_wide = path.rfind(std::string(rendezvous::kSystemBase) + "/", 0) == 0;
  if (!system_wide && configured.empty() && SettingOr("SAMEHOST_DIR").empty()) {
    out.push_back(
        {Grade::kNote, "other users",
         "servers of other users but root are not found through " + path,
         "as root: systemd-tmpfiles --create, if samehost and systemd are installed; else "
         "install -d -m 1777 /run/samehost"});
  }
  return out;
}

Findings CheckLimits() { return {OfDescriptors(), OfLockedMemory(), OfMemory(), OfProcessors()}; }

Findings CheckEnvironment() {
  Findings out;
  if (const auto all = rendezvous::SwitchedOffAsAWhole()) {
    out.push_back({Grade::kBad, "environment", *all, "unset SAMEHOST"});
  }
  if (!SettingOr("SAMEHOST_EXCLUDE").empty()) {
    out.push_back({Grade::kNote, "environment", Printable(DescribeSetting("SAMEHOST_EXCLUDE")),
                   "these addresses stay on sockets"});
  }
  const std::string polling = Environment("GRPC_POLL_STRATEGY");
  if (!polling.empty() && polling.find("epoll1") == std::string::npos && polling != "all") {
    out.push_back({Grade::kBad, "environment", "GRPC_POLL_STRATEGY=" + Printable(polling),
                   std::string(Explain(FallbackReason::kPollingEngine, "grpc"))});
  }
  for (const OddSetting& odd : OddSettingsHere()) {
    out.push_back({Grade::kNote, "environment", odd.setting, odd.why});
  }
  for (const char* proxy : {"grpc_proxy", "https_proxy", "http_proxy"}) {
    if (Environment(proxy).empty()) continue;
    out.push_back({Grade::kNote, "environment",
                   std::string(proxy) + " is set: gRPC connects through it, over a socket",
                   "except addresses of this host by no_proxy"});
  }
  if (out.empty()) {
    out.push_back({Grade::kGood, "environment", "nothing in it is against shared memory", ""});
  }
  return out;
}

}  // namespace samehost::cli
