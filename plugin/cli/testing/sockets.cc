#include "plugin/cli/testing/sockets.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace samehost::cli::testing {

int TcpConnections(const std::string& port) {
  constexpr char kEstablished[] = "01";
  int count = 0;
  bool any = false;
  for (const char* file : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    std::ifstream in(file);
    std::string line;
    std::getline(in, line);  // the heading
    while (std::getline(in, line)) {
      std::istringstream fields(line);
      std::string number;
      std::string local;
      std::string remote;
      std::string state;
      fields >> number >> local >> remote >> state;
      any = true;
      const unsigned long local_port = std::stoul(local.substr(local.rfind(':') + 1), nullptr, 16);
      if (state == kEstablished && local_port == std::stoul(port)) ++count;
    }
  }
  EXPECT_TRUE(any) << "the listening socket, at least, must be there";
  return count;
}

}  // namespace samehost::cli::testing
