// Scenario: a test that runs with our library over shared memory, however the endpoint is called,
// and the very same with the distribution's. What both must answer is written once, so what passes
// is what stock does.
#ifndef SAMEHOST_PLUGIN_ZMQ_TESTING_SCENARIO_H_
#define SAMEHOST_PLUGIN_ZMQ_TESTING_SCENARIO_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <initializer_list>
#include <ostream>
#include <string>

#include "plugin/zmq/testing/peer_process.h"

namespace samehost::zmq_transport::testing {

inline constexpr char kWait[] = " 20000";  // a watchdog: no message takes that long
// Connections over ipc and tcp go to shared memory too.
inline const PeerProcess::Environment kBoth = {{"SAMEHOST_ZMQ", "ipc,tcp"}};

struct Kind {
  Library library = Library::kOurs;
  const char* transport = "shm";
};
inline constexpr Kind kKinds[] = {{Library::kOurs, "shm"},
                                  {Library::kOurs, "ipc"},
                                  {Library::kOurs, "tcp"},
                                  {Library::kStock, "ipc"},
                                  {Library::kStock, "tcp"}};
std::string NameOf(const Kind& kind);
// For INSTANTIATE_TEST_SUITE_P.
inline constexpr auto kNameOf = [](const auto& info) { return NameOf(info.param); };
inline void PrintTo(const Kind& kind, std::ostream* out) { *out << NameOf(kind); }

// The process of one side.
class Program : public PeerProcess {
 public:
  // Carries out `commands` first, each to be answered with "ok".
  explicit Program(const Kind& kind, std::initializer_list<std::string> commands = {});
  void Do(const std::string& command);
  // The endpoint that was bound.
  std::string Bind();
  void Bind(const std::string& endpoint);
  // Binds `server`, and connects to it.
  void ConnectTo(Program& server) { Do("connect " + server.Bind()); }
  // So many connections are in shared memory; with the distribution's library none.
  void ExpectLinks(int count) const;
  // So many handshakes are over; after Do("monitor"). What the socket knows of them it has seen.
  void AwaitHandshakes(int count);

 private:
  const Kind kind_;
};

class Scenario : public ::testing::TestWithParam<Kind> {
 protected:
  static const Kind& kind() { return GetParam(); }
  static void ExpectLink(const Program& a, const Program& b) {
    a.ExpectLinks(1);
    b.ExpectLinks(1);
  }
};

// ---- Commands and answers --------------------------------------------------------------------

std::string Option(int option, int value);
std::string Option(int option, const std::string& text);
// "got COUNT first FIRST last LAST"
std::string Count(const char* word, uint64_t count, uint64_t first = 0);
inline std::string Got(uint64_t count, uint64_t first = 0) { return Count("got", count, first); }
inline constexpr char kNothing[] = "got 0 first 0 last 0";
// The number after the first word of an answer.
uint64_t NumberIn(const std::string& answer);
// Whether it is the error of that number.
bool Fails(const std::string& answer, int code);

// What to bind to, so that the endpoint is a new one.
std::string WildcardOf(const std::string& transport);
std::string Bind(PeerProcess& peer, const std::string& transport);
// An endpoint that nobody is bound to.
std::string FreeEndpoint(const std::string& transport);

}  // namespace samehost::zmq_transport::testing

#endif  // SAMEHOST_PLUGIN_ZMQ_TESTING_SCENARIO_H_
