#include "plugin/bench/machine_facts.h"

#include <gnu/libc-version.h>
#include <google/protobuf/stubs/common.h>
#include <grpcpp/grpcpp.h>
#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string>

namespace samehost::bench {
namespace {

using nlohmann::json;

std::string FirstLine(const char* file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

std::string CpuModel() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  }
  return {};
}

std::string NowText() {
  const std::time_t now = std::time(nullptr);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", std::gmtime(&now));
  return text;
}

// gRPC, glibc and samehost are steered by these; all others are nobody's business.
json Environment() {
  json found = json::object();
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    for (const char* prefix : {"GRPC_", "MALLOC_", "GLIBC_TUNABLES", "SAMEHOST", "LD_PRELOAD"}) {
      if (text.rfind(prefix, 0) != 0) continue;
      const size_t equals = text.find('=');
      found[text.substr(0, equals)] = text.substr(equals + 1);
    }
  }
  return found;
}

}  // namespace

json MachineFacts() {
  utsname system;
  ::uname(&system);
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  ::sched_getaffinity(0, sizeof(allowed), &allowed);
  return {{"time", NowText()},
          {"cpu", CpuModel()},
          {"cpus_online", ::sysconf(_SC_NPROCESSORS_ONLN)},
          {"cpus_allowed", CPU_COUNT(&allowed)},
          {"cgroup_cpu_max", FirstLine("/sys/fs/cgroup/cpu.max")},
          {"governor", FirstLine("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")},
          {"kernel", std::string(system.sysname) + " " + system.release + " " + system.machine},
          {"load_average", FirstLine("/proc/loadavg")},
          {"grpc", grpc::Version()},
          {"protobuf", google::protobuf::internal::VersionString(GOOGLE_PROTOBUF_VERSION)},
          {"glibc", ::gnu_get_libc_version()},
          {"compiler", SAMEHOST_BENCH_COMPILER},
          {"build_type", SAMEHOST_BENCH_BUILD_TYPE},
          {"sanitizers", SAMEHOST_BENCH_SANITIZE},
          {"environment", Environment()}};
}

double StolenSeconds() {
  std::ifstream in("/proc/stat");
  std::string name;
  double fields[8] = {};  // user nice system idle iowait irq softirq steal
  in >> name;
  for (double& field : fields) in >> field;
  return fields[7] / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

}  // namespace samehost::bench
