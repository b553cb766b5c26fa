// Who is let in: NULL, PLAIN and CURVE with a ZAP handler, each with our library over shared memory
// and the same with the distribution's. CURVE connections stay on their socket.
#include <gtest/gtest.h>
#include <zmq.h>

#include <sstream>
#include <string>
#include <vector>

#include "plugin/zmq/testing/scenario.h"

namespace samehost::zmq_transport {
namespace {

using testing::Got;
using testing::Kind;
using testing::kKinds;
using testing::kNameOf;
using testing::kNothing;
using testing::Library;
using testing::Option;
using testing::Program;
using testing::Scenario;

using Security = Scenario;
INSTANTIATE_TEST_SUITE_P(All, Security, ::testing::ValuesIn(kKinds), kNameOf);

struct Keys {
  explicit Keys(Program& program) {
    std::istringstream answer(program("keys"));
    std::string word;
    answer >> word >> open >> secret;
  }
  std::string open, secret;
};

TEST_P(Security, TheHandlerDecidesAboutNull) {
  Program server(kind(), {"zap"}), friendly(kind()), other(kind());
  server.Do("use open");
  server.Do("socket PULL");
  server.Do(Option(ZMQ_ZAP_DOMAIN, "open"));
  friendly.Do("socket PUSH");
  friendly.ConnectTo(server);
  friendly.Do("text hello");
  EXPECT_EQ(server("property User-Id 20000"), "text anybody");
  ASSERT_EQ(friendly("send 0 100 1 100 20000"), "sent 100");
  EXPECT_EQ(server("recv 100 20000"), Got(100));
  ExpectLink(server, friendly);
  server.Do("use shut");
  server.Do("socket PULL");
  server.Do(Option(ZMQ_ZAP_DOMAIN, "shut"));
  other.Do("socket PUSH");
  other.Do("monitor");
  other.ConnectTo(server);
  other("try hello");  // as long as it does not know that it is refused
  EXPECT_NE(other("events HANDSHAKE_FAILED_AUTH 20000").find("FAILED_AUTH"), std::string::npos);
  EXPECT_EQ(server("recv 1 300"), kNothing);
  EXPECT_EQ(other.Links(), 0);
}

std::string EventsOfPlain(const Kind& kind, const char* password) {
  Program server(kind, {"zap", "socket PULL", Option(ZMQ_PLAIN_SERVER, 1), "monitor"});
  Program client(kind, {"socket PUSH", Option(ZMQ_PLAIN_USERNAME, "admin"),
                        Option(ZMQ_PLAIN_PASSWORD, password), "monitor"});
  client.ConnectTo(server);
  client("send 0 1 1 100 20000");
  const bool good = password == std::string("secret");
  const std::string last = good ? "HANDSHAKE_SUCCEEDED" : "HANDSHAKE_FAILED_AUTH";
  const std::string said =
      client("events " + last + " 20000") + ", " + server("events " + last + " 20000");
  EXPECT_EQ(server(good ? "recv 1 20000" : "recv 1 300"), good ? Got(1) : kNothing);
  if (good) client.ExpectLinks(1);
  if (!good) {
    EXPECT_EQ(client.Links(), 0);
  }
  return said;
}

TEST(Plain, IsJudgedAsByTheDistributionsLibrary) {
  for (const char* password : {"secret", "guess"}) {
    for (const char* transport : {"ipc", "tcp"}) {
      EXPECT_EQ(EventsOfPlain({Library::kOurs, transport}, password),
                EventsOfPlain({Library::kStock, transport}, password))
          << transport << " " << password;
    }
  }
}

// Either side may have the distribution's library.
TEST_P(Security, CurveLetsInWhoKnowsTheServersKeyAndStaysOnTheSocket) {
  for (const bool stock_client : {false, true}) {
    const Kind ours_or_stock = {stock_client ? Library::kStock : kind().library, kind().transport};
    if (stock_client && kind().transport == std::string("shm")) continue;
    Program server(kind());
    const Keys servers(server), clients(server), strangers(server);
    server.Do("zap " + clients.open);
    server.Do("socket PULL");
    server.Do(Option(ZMQ_CURVE_SERVER, 1));
    server.Do(Option(ZMQ_CURVE_SECRETKEY, servers.secret));
    const std::string endpoint = server.Bind();
    const auto connect = [&](Program& program, const Keys& own, const std::string& server_key) {
      program.Do("socket PUSH");
      program.Do(Option(ZMQ_CURVE_PUBLICKEY, own.open));
      program.Do(Option(ZMQ_CURVE_SECRETKEY, own.secret));
      program.Do(Option(ZMQ_CURVE_SERVERKEY, server_key));
      program.Do("connect " + endpoint);
    };
    Program client(ours_or_stock), stranger(ours_or_stock), misled(ours_or_stock);
    Program open(ours_or_stock, {"socket PUSH", "connect " + endpoint});
    connect(client, clients, servers.open);
    connect(stranger, strangers, servers.open);
    connect(misled, clients, strangers.open);
    for (Program* refused : {&stranger, &misled, &open}) {
      (*refused)("try hello");  // is taken, or not any more when it knows that it is refused
    }
    ASSERT_EQ(client("send 0 500 2 5000 20000"), "sent 500");
    EXPECT_EQ(server("recv 500 20000"), Got(500));
    EXPECT_EQ(server("recv 1 300"), kNothing);
    client.Do("text hello");
    EXPECT_EQ(server("property User-Id 20000"), "text keyholder");
    EXPECT_EQ(server.Links() + client.Links(), 0);
  }
}

}  // namespace
}  // namespace samehost::zmq_transport
