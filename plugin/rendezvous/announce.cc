// The server's public side: Announce() and Announcement.
#include <fcntl.h>

#include <utility>

#include "plugin/base/aside.h"
#include "plugin/base/fork_guard.h"
#include "plugin/rendezvous/announced.h"
#include "plugin/rendezvous/handshake.h"
#include "plugin/rendezvous/rendezvous.h"
#include "plugin/rendezvous/service.h"
#include "plugin/rendezvous/switches.h"

namespace samehost::rendezvous {
namespace {

class AnnouncementImpl final : public Announcement {
 public:
  AnnouncementImpl(std::shared_ptr<Announced> announced, std::shared_ptr<UserFolder> folder)
      : generation_(ForkGeneration()),
        announced_(std::move(announced)),
        folder_(std::move(folder)) {}

  ~AnnouncementImpl() override {
    // In a forked child the entry and the thread are the parent's.
    if (service_ == nullptr || generation_ != ForkGeneration()) return;
    // The name first: it must never lead to a socket that nobody listens on.
    RemoveEntry(*folder_, announced_->entry.name);
    Service::Remove(service_, announced_);
  }

  Status SetPort(uint16_t port) override {
    if (generation_ != ForkGeneration()) return Error{ErrorCode::kClosed, 0, "announce after fork"};
    IpEndpoint& tcp = announced_->endpoint.tcp;
    if (announced_->endpoint.kind != EndpointKind::kTcp || port == 0) {
      return Error{ErrorCode::kInvalidArgument, 0, "announce port " + std::to_string(port)};
    }
    if (service_ != nullptr) {
      if (tcp.port == port) return {};
      return Error{ErrorCode::kInvalidArgument, 0, "change an announced port"};
    }
    tcp.port = port;
    Address address;
    address.storage = ToSockaddr(tcp, &address.length);
    announced_->address = ToString(address);
    return Appear();
  }

  // Makes the entry and serves it.
  Status Appear() {
    auto entry = MakeEntry(folder_, EntryPrefix(announced_->endpoint, announced_->netns));
    if (!entry) return entry.error();
    announced_->entry = *std::move(entry);
    auto service = Service::Add(announced_);
    if (!service) {
      RemoveEntry(*folder_, announced_->entry.name);
      return service.error();
    }
    service_ = *std::move(service);
    return {};
  }

 private:
  const uint64_t generation_;
  const std::shared_ptr<Announced> announced_;
  const std::shared_ptr<UserFolder> folder_;
  std::shared_ptr<Service> service_;  // once the entry is there
};

Result<UniqueFd> OpenSocketFolder(const Address& address) {
  const std::string path = UnixPath(address);
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  UniqueFd fd(open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return SystemError("open " + folder);
  return Aside(std::move(fd));
}

}  // namespace

Result<std::unique_ptr<Announcement>> Announce(const Address& address, const Options& options,
                                               AcceptHandler handler) {
  // Not by a switch file: that is looked at for each client, so that it may go again.
  if (const auto setting = SwitchedOffBySetting(ToString(address))) {
    return Error{ErrorCode::kRefused, ECANCELED, *setting};
  }
  if (options.protocol.size() > kMaxProtocolBytes) {
    return Error{ErrorCode::kInvalidArgument, 0, "protocol name " + options.protocol};
  }
  auto endpoint = ToEndpoint(address);
  if (!endpoint) return endpoint.error();
  auto announced = std::make_shared<Announced>();
  announced->endpoint = *std::move(endpoint);
  announced->options = options;
  announced->address = ToString(address);
  announced->handler = std::move(handler);
  announced->netns = CurrentNetns();
  if (announced->endpoint.kind == EndpointKind::kUnixPath) {
    auto socket_folder = OpenSocketFolder(address);
    if (!socket_folder) return socket_folder.error();
    announced->socket_folder = *std::move(socket_folder);
  }
  auto folder = OpenOwnFolder(options.directory);
  if (!folder) return folder.error();
  const bool port_known =
      announced->endpoint.kind != EndpointKind::kTcp || announced->endpoint.tcp.port != 0;
  auto announcement = std::make_unique<AnnouncementImpl>(std::move(announced), *std::move(folder));
  if (port_known) {
    if (Status appeared = announcement->Appear(); !appeared) return appeared.error();
  }
  return std::unique_ptr<Announcement>(std::move(announcement));
}

}  // namespace samehost::rendezvous
