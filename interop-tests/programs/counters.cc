#include "interop-tests/programs/counters.h"

#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace samehost::interop {
namespace {

uint64_t NetworkBytes() {
  std::ifstream devices("/proc/self/net/dev");
  uint64_t total = 0;
  for (std::string line; std::getline(devices, line);) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;  // the two lines of headings
    std::istringstream fields(line.substr(colon + 1));
    uint64_t field = 0;
    for (int i = 0; i < 9; ++i) fields >> field;  // the ninth: bytes transmitted
    total += field;
  }
  return total;
}

int Descriptors() {
  int count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    ++count;
  }
  return count - 1;  // the listing's own
}

uint64_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  uint64_t size = 0, resident = 0;
  statm >> size >> resident;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

nlohmann::json Counters() {
  nlohmann::json out = {{"network_bytes", NetworkBytes()},
                        {"descriptors", Descriptors()},
                        {"resident_bytes", ResidentBytes()}};
  out.update(SharedMemoryCounters());
  return out;
}

}  // namespace samehost::interop
