#include "plugin/cli/testing/sockets.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <fstream>
#include <functional>
#include <sstream>

#include "plugin/base/unique_fd.h"
#include "plugin/cli/testing/program.h"

namespace samehost::cli::testing {
namespace {

constexpr char kEstablished[] = "01";
constexpr char kListening[] = "0A";

struct TcpLine {
  unsigned long local_port = 0;
  unsigned long remote_port = 0;
  std::string state;
};

unsigned long PortOf(const std::string& end) {
  return std::stoul(end.substr(end.rfind(':') + 1), nullptr, 16);
}

int Count(const std::function<bool(const TcpLine&)>& counts) {
  int count = 0;
  bool any = false;
  for (const char* file : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    std::ifstream in(file);
    std::string text;
    std::getline(in, text);  // the heading
    while (std::getline(in, text)) {
      std::istringstream fields(text);
      std::string number;
      std::string local;
      std::string remote;
      TcpLine line;
      fields >> number >> local >> remote >> line.state;
      line.local_port = PortOf(local);
      line.remote_port = PortOf(remote);
      any = true;
      if (counts(line)) ++count;
    }
  }
  EXPECT_TRUE(any) << "the listening socket, at least, must be there";
  return count;
}

}  // namespace

int TcpConnections(const std::string& port) {
  const unsigned long number = std::stoul(port);
  return Count(
      [=](const TcpLine& line) { return line.state == kEstablished && line.local_port == number; });
}

int TcpTraces(const std::string& port) {
  const unsigned long number = std::stoul(port);
  return Count([=](const TcpLine& line) {
    return line.state != kListening && (line.local_port == number || line.remote_port == number);
  });
}

uint64_t TcpBytes(const std::string& port) {
  // At the server's end.
  const Ended said = RunToEnd({"ss", "-tinH", "state", "established", "sport", "=", ":" + port});
  EXPECT_EQ(said.code, 0) << said.errors;
  uint64_t bytes = 0;
  std::istringstream words(said.out);
  for (std::string word; words >> word;) {
    for (const std::string name : {"bytes_sent:", "bytes_received:"}) {
      if (word.rfind(name, 0) == 0) bytes += std::stoull(word.substr(name.size()));
    }
  }
  return bytes;
}

namespace {

std::string PortOfTheKernel() {
  const UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  auto* raw = reinterpret_cast<sockaddr*>(&address);
  EXPECT_EQ(bind(fd.get(), raw, length), 0);
  EXPECT_EQ(getsockname(fd.get(), raw, &length), 0);
  return std::to_string(ntohs(address.sin_port));
}

}  // namespace

// SUBTLE: a closed connection waits for a minute at the side that closed it. The kernel gives out
// the port of the other side again at once, and TcpTraces() would take that connection for the
// test's.
std::string FreePort() {
  std::string port = PortOfTheKernel();
  while (TcpTraces(port) != 0) port = PortOfTheKernel();
  return port;
}

}  // namespace samehost::cli::testing
