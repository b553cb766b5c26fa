// A peer that promises its link and never makes it.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <zmq.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "plugin/base/unique_fd.h"
#include "plugin/rendezvous/rendezvous.h"
#include "plugin/zmq/testing/peer_process.h"
#include "plugin/zmq/testing/scenario.h"

namespace samehost::zmq_transport {
namespace {

using testing::Library;
using testing::Option;
using testing::PeerProcess;

// One that says by ZMTP that it has decided for the link, and by the rendezvous that it is about to
// make it.
class Promiser {
 public:
  Promiser(const std::string& path, const std::string& directory)
      : socket_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    EXPECT_EQ(connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    std::string greeting("\xff\0\0\0\0\0\0\0\x01\x7f\x03\x01NULL", 16);
    greeting.resize(64);
    Write(greeting);
    Read(64);
    Command(std::string("\x05READY") + Property("Socket-Type", "PUSH") + Property("Identity", "") +
            Property("X-Samehost", "2 1000 1000 leave"));
    std::string offer;
    while (offer.rfind("\x08SAMEHOST", 0) != 0) offer = ReadFrame();
    offer = offer.substr(9);
    rendezvous::Options options;
    options.directory = directory;
    options.protocol = "zmq";
    options.probe = true;  // the server judges it, and no link is made
    const std::string token = offer.substr(offer.find(' ') + 1);
    const auto outcome =
        rendezvous::Connect(rendezvous::NamedAddress(offer.substr(0, offer.find(' '))), options,
                            token, std::chrono::seconds(20));
    if (const auto* why = std::get_if<Fallback>(&outcome)) {
      EXPECT_EQ(why->reason, FallbackReason::kNone) << why->detail;
    }
    Command("\x08SAMEHOSTyes");
  }

 private:
  static std::string Property(const std::string& name, const std::string& value) {
    return static_cast<char>(name.size()) + name + std::string(3, '\0') +
           static_cast<char>(value.size()) + value;
  }
  void Write(const std::string& bytes) {
    EXPECT_EQ(send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  void Command(const std::string& body) {
    Write(std::string(1, '\x04') + static_cast<char>(body.size()) + body);
  }
  std::string Read(size_t bytes) {
    std::string out(bytes, '\0');
    EXPECT_EQ(recv(socket_.get(), out.data(), bytes, MSG_WAITALL), static_cast<ssize_t>(bytes));
    return out;
  }
  std::string ReadFrame() {  // of less than 256 bytes, as all are here
    const std::string head = Read(2);
    return Read(static_cast<unsigned char>(head[1]));
  }

  const UniqueFd socket_;
};

// Who breaks that promise is waited for, but not by the thread that serves everybody.
TEST(PromisedLink, ThatNeverComes) {
  char folder[] = "/tmp/samehost-promise-XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  const std::string directory = folder;
  PeerProcess victim(Library::kOurs, {{"SAMEHOST_DIR", directory}, {"SAMEHOST_ZMQ", "ipc"}});
  PeerProcess bystander(Library::kStock);
  ASSERT_EQ(victim("socket PULL"), "ok");
  ASSERT_EQ(victim("monitor"), "ok");
  // A heartbeat is due while the promisers' ends are postponed: there is no socket for it any more.
  ASSERT_EQ(victim(Option(ZMQ_HEARTBEAT_IVL, 100)), "ok");
  ASSERT_EQ(victim(Option(ZMQ_HEARTBEAT_TIMEOUT, 60000)), "ok");
  const std::string path = directory + "/socket";
  ASSERT_EQ(victim("bind ipc://" + path).substr(0, 2), "ok");
  ASSERT_EQ(bystander("socket PUSH"), "ok");
  ASSERT_EQ(bystander("connect ipc://" + path), "ok");
  ASSERT_EQ(bystander("send 0 1 1 100 20000"), "sent 1");
  ASSERT_EQ(victim("recv 1 20000"), "got 1 first 0 last 0");
  // A busy machine may be late: then the victim has given up the promisers before it was asked.
  bool before_the_end = false;
  for (uint64_t attempt = 1; attempt <= 10 && !before_the_end && !HasFailure(); ++attempt) {
    {
      std::vector<std::unique_ptr<Promiser>> promisers;
      for (int i = 0; i < 8; ++i) promisers.push_back(std::make_unique<Promiser>(path, directory));
    }
    const std::string number = std::to_string(attempt);
    ASSERT_EQ(bystander("send " + number + " 1 1 100 20000"), "sent 1");
    ASSERT_EQ(victim("recv 1 60000"), "got 1 first " + number + " last " + number);
    before_the_end = victim("events NONE 0").find(" DISCONNECTED") == std::string::npos;
    for (int i = 0; i < 8 && before_the_end; ++i) {
      EXPECT_NE(victim("events DISCONNECTED 20000").find(" DISCONNECTED"), std::string::npos);
    }
  }
  EXPECT_TRUE(before_the_end) << "the I/O thread waited";
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace samehost::zmq_transport
