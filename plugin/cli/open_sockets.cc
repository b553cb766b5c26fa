#include "plugin/cli/open_sockets.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>

namespace samehost::cli {
namespace {

constexpr char kEstablished[] = "01";

// As /proc/PID/net/tcp and tcp6 write an address: words in the machine's byte order, in hex.
std::string Words(const void* bytes, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) {
    uint32_t word = 0;
    std::memcpy(&word, static_cast<const char*>(bytes) + 4 * i, sizeof(word));
    char text[9];
    std::snprintf(text, sizeof(text), "%08X", word);
    out += text;
  }
  return out;
}

// The remote ends that stand for the address; IPv4 may be in either table.
std::set<std::string> RemoteEnds(const std::string& address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos) return {};
  std::string host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  char port[8];
  std::snprintf(port, sizeof(port), ":%04X",
                static_cast<unsigned>(std::atoi(address.c_str() + colon + 1)) & 0xffffU);
  std::array<unsigned char, 16> v6 = {};
  in_addr v4 = {};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) {
    v6[10] = v6[11] = 0xff;
    std::memcpy(v6.data() + 12, &v4, sizeof(v4));
    return {Words(&v4, 1) + port, Words(v6.data(), 4) + port};
  }
  if (inet_pton(AF_INET6, host.c_str(), v6.data()) == 1) return {Words(v6.data(), 4) + port};
  return {};
}

}  // namespace

std::optional<int> CountOpenSockets(const Process& process,
                                    const std::vector<Descriptor>& descriptors,
                                    const std::string& address) {
  const std::set<std::string> ends = RemoteEnds(address);
  if (ends.empty()) return std::nullopt;
  int count = 0;
  for (const char* table : {"tcp", "tcp6"}) {
    // Of the process's own network namespace.
    std::ifstream in("/proc/" + std::to_string(process.pid) + "/net/" + table);
    std::string line;
    std::getline(in, line);  // the heading
    while (std::getline(in, line)) {
      // sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode
      std::istringstream fields(line);
      std::array<std::string, 10> field;
      for (std::string& one : field) fields >> one;
      if (field[3] != kEstablished || ends.count(field[2]) == 0) continue;
      const std::string target = "socket:[" + field[9] + "]";
      count += static_cast<int>(
          std::count_if(descriptors.begin(), descriptors.end(),
                        [&](const Descriptor& one) { return one.target == target; }));
    }
  }
  return count;
}

}  // namespace samehost::cli
