#include "plugin/zmq/testing/scenario.h"

#include <unistd.h>

#include <atomic>

#include "plugin/zmq/testing/eventually.h"

namespace samehost::zmq_transport::testing {

std::string NameOf(const Kind& kind) {
  return std::string(kind.library == Library::kOurs ? "ours_" : "stock_") + kind.transport;
}

Program::Program(const Kind& kind, std::initializer_list<std::string> commands)
    : PeerProcess(kind.library, kBoth), kind_(kind) {
  for (const std::string& command : commands) Do(command);
}

void Program::Do(const std::string& command) { EXPECT_EQ((*this)(command), "ok") << command; }

std::string Program::Bind() { return testing::Bind(*this, kind_.transport); }

void Program::Bind(const std::string& endpoint) {
  EXPECT_EQ((*this)("bind " + endpoint), "ok " + endpoint);
}

void Program::ExpectLinks(int count) const {
  const int expected = kind_.library == Library::kOurs ? count : 0;
  EXPECT_TRUE(Eventually([&] { return Links() == expected; }))
      << Links() << " links rather than " << expected;
}

void Program::AwaitHandshakes(int count) {
  for (int i = 0; i < count; ++i) {
    const std::string events = (*this)("events HANDSHAKE_SUCCEEDED" + std::string(kWait));
    EXPECT_EQ(events.find("error"), std::string::npos) << events;
  }
  // libzmq looks at what has come to a socket only now and then; when asked for this, always.
  (*this)("get 15");
}

std::string Option(int option, int value) {
  return "set " + std::to_string(option) + " " + std::to_string(value);
}

std::string Option(int option, const std::string& text) {
  return "settext " + std::to_string(option) + " " + text;
}

std::string Count(const char* word, uint64_t count, uint64_t first) {
  return std::string(word) + " " + std::to_string(count) + " first " + std::to_string(first) +
         " last " + std::to_string(first + count - 1);
}

uint64_t NumberIn(const std::string& answer) {
  const size_t space = answer.find(' ');
  return space == std::string::npos ? 0 : std::strtoull(answer.c_str() + space, nullptr, 10);
}

bool Fails(const std::string& answer, int code) {
  const std::string prefix = "error " + std::to_string(code) + " ";
  return answer.substr(0, prefix.size()) == prefix;
}

std::string WildcardOf(const std::string& transport) {
  if (transport == "tcp") return "tcp://127.0.0.1:*";
  if (transport == "ipc") return "ipc://*";
  return "shm://*";
}

std::string Bind(PeerProcess& peer, const std::string& transport) {
  const std::string answer = peer("bind " + WildcardOf(transport));
  EXPECT_EQ(answer.substr(0, 3), "ok ") << answer;
  return answer.substr(3);
}

std::string FreeEndpoint(const std::string& transport) {
  static std::atomic<int> count{0};
  const std::string unique = "free." + std::to_string(getpid()) + "." + std::to_string(++count);
  if (transport == "shm") return "shm://" + unique;
  if (transport == "ipc") return "ipc:///tmp/samehost-zmq-test." + unique;
  PeerProcess peer(Library::kStock);
  EXPECT_EQ(peer("socket PULL"), "ok");
  return Bind(peer, "tcp");
}

}  // namespace samehost::zmq_transport::testing
