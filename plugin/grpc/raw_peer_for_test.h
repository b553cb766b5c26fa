// A peer that says whatever a test wants: it makes real links by the rendezvous, and writes the
// frames itself. As a client it talks to a server of ours; as a server it answers for a real
// listening port.
#ifndef SAMEHOST_PLUGIN_GRPC_RAW_PEER_FOR_TEST_H_
#define SAMEHOST_PLUGIN_GRPC_RAW_PEER_FOR_TEST_H_

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "plugin/base/unique_fd.h"
#include "plugin/grpc/frame.h"
#include "plugin/rendezvous/rendezvous.h"

namespace samehost::grpc_transport::testing {

// A frame with parts of its own.
struct RawFrame {
  FrameHeader header;
  std::string initial, chunk, trailing;
};

// Encoded metadata (metadata_codec.h), piece by piece.
std::string Text(uint8_t tag, const std::string& value);
std::string Named(const std::string& name, const std::string& value);
std::string Number(uint8_t tag, uint32_t value);

// What an honest side begins with.
RawFrame Settings();

// Publishes it; the sizes in its header are set here. False: there is no room.
bool Send(shm::Link* link, const RawFrame& frame);
// Waits until something has come, or the peer has ended the link (false).
bool Receive(shm::Link* link, RawFrame* frame);

// A link to the server of ours at 127.0.0.1:port, or null.
std::unique_ptr<shm::Link> RawClient(const std::string& directory, int port);

class RawServer {
 public:
  // `answer` makes the frames that go back for each one that comes; on a thread of this object's.
  using Answer = std::function<std::vector<RawFrame>(const RawFrame& frame)>;
  RawServer(const std::string& directory, Answer answer);
  ~RawServer();
  std::string target() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  const Answer answer_;
  UniqueFd listening_;
  int port_ = 0;
  std::mutex mutex_;
  bool stopping_ = false;
  std::vector<std::shared_ptr<shm::Link>> links_;
  std::vector<std::thread> threads_;
  std::unique_ptr<rendezvous::Announcement> announcement_;
};

}  // namespace samehost::grpc_transport::testing

#endif  // SAMEHOST_PLUGIN_GRPC_RAW_PEER_FOR_TEST_H_
