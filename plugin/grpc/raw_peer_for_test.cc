#include "plugin/grpc/raw_peer_for_test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstring>
#include <utility>
#include <variant>

#include "plugin/grpc/security_profile.h"

namespace samehost::grpc_transport::testing {
namespace {

rendezvous::Address LoopbackAddress(int port) {
  rendezvous::Address address;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  v4->sin_family = AF_INET;
  v4->sin_port = htons(static_cast<uint16_t>(port));
  v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.length = sizeof(sockaddr_in);
  return address;
}

rendezvous::Options OptionsIn(const std::string& directory) {
  rendezvous::Options options;
  options.directory = directory;
  options.protocol = "grpc";
  return options;
}

std::string Insecure() {
  Introduction introduction;
  introduction.profile.type_name = "Insecure";
  introduction.address = AddressClass::kLoopback;
  return Encode(introduction);
}

template <class T>
void Put(std::string* out, T value) {
  out->append(reinterpret_cast<const char*>(&value), sizeof value);
}

std::string Copy(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

std::string Text(uint8_t tag, const std::string& value) {
  std::string out(1, static_cast<char>(tag));
  Put(&out, static_cast<uint32_t>(value.size()));
  return out + value;
}

std::string Named(const std::string& name, const std::string& value) {
  std::string out(1, '\0');
  Put(&out, static_cast<uint16_t>(name.size()));
  out += name;
  Put(&out, static_cast<uint32_t>(value.size()));
  return out + value;
}

std::string Number(uint8_t tag, uint32_t value) {
  std::string out(1, static_cast<char>(tag));
  Put(&out, value);
  return out;
}

RawFrame Settings() {
  RawFrame frame;
  frame.header.kind = FrameKind::kSettings;
  frame.header.value = 100;
  frame.header.message_size = 8192;
  return frame;
}

bool Send(shm::Link* link, const RawFrame& frame) {
  const std::string body = frame.initial + frame.chunk + frame.trailing;
  FrameHeader header = frame.header;
  header.initial_size = static_cast<uint32_t>(frame.initial.size());
  header.chunk_size = static_cast<uint32_t>(frame.chunk.size());
  header.trailing_size = static_cast<uint32_t>(frame.trailing.size());
  const size_t bytes = sizeof header + body.size();
  std::byte* room = bytes <= link->max_record() ? link->Reserve(bytes) : nullptr;
  if (room == nullptr) return false;
  std::memcpy(room, &header, sizeof header);
  std::memcpy(room + sizeof header, body.data(), body.size());
  link->Commit(bytes);
  link->Publish();
  return true;
}

bool Receive(shm::Link* link, RawFrame* frame) {
  for (;;) {
    shm::Record record;
    switch (link->Next(&record)) {
      case shm::Link::Take::kBroken:
        return false;
      case shm::Link::Take::kRecord: {
        Frame parsed;
        if (!ParseFrame(record.bytes, &parsed)) return false;
        *frame = {parsed.header, Copy(parsed.initial), Copy(parsed.chunk), Copy(parsed.trailing)};
        link->Done(record);
        link->FlushDone();
        return true;
      }
      case shm::Link::Take::kEmpty:
        break;
    }
    if (!link->ArmDoorbell()) continue;
    pollfd fds[] = {{link->doorbell_fd(), POLLIN, 0}, {link->socket_fd(), POLLIN, 0}};
    poll(fds, 2, -1);
    link->DrainDoorbell();
    if ((fds[1].revents & (POLLIN | POLLHUP)) == 0) continue;
    const bool gone = !link->OnSocketReadable().ok();
    if (gone && !link->HasInput()) return false;
  }
}

std::unique_ptr<shm::Link> RawClient(const std::string& directory, int port) {
  auto made = rendezvous::Connect(LoopbackAddress(port), OptionsIn(directory), Insecure(),
                                  std::chrono::seconds(30));
  if (std::holds_alternative<Fallback>(made)) return nullptr;
  return std::move(std::get<rendezvous::Connected>(made).link);
}

RawServer::RawServer(const std::string& directory, Answer answer)
    : answer_(std::move(answer)), listening_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  rendezvous::Address address = LoopbackAddress(0);
  auto* at = reinterpret_cast<sockaddr*>(&address.storage);
  socklen_t length = sizeof(sockaddr_in);
  if (bind(listening_.get(), at, length) != 0 || listen(listening_.get(), 10) != 0 ||
      getsockname(listening_.get(), at, &length) != 0) {
    return;
  }
  port_ = ntohs(reinterpret_cast<sockaddr_in*>(at)->sin_port);
  rendezvous::AcceptHandler handler;
  handler.judge = [](const rendezvous::PeerIdentity&, const std::string&) {
    return rendezvous::Verdict{.detail = {}, .reply = Insecure()};
  };
  handler.accept = [this](rendezvous::Connected connected) {
    const std::shared_ptr<shm::Link> link = std::move(connected.link);
    const std::lock_guard<std::mutex> lock(mutex_);
    if (stopping_) return;
    links_.push_back(link);
    threads_.emplace_back([this, link] {
      Send(link.get(), Settings());
      for (RawFrame frame; Receive(link.get(), &frame);) {
        for (const RawFrame& back : answer_(frame)) Send(link.get(), back);
      }
      link->Close();
    });
  };
  auto announced = rendezvous::Announce(address, OptionsIn(directory), std::move(handler));
  if (announced.ok()) announcement_ = *std::move(announced);
}

RawServer::~RawServer() {
  announcement_.reset();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    for (const auto& link : links_) link->Close();
  }
  for (std::thread& thread : threads_) thread.join();
}

}  // namespace samehost::grpc_transport::testing
