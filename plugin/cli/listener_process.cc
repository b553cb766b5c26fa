#include "plugin/cli/listener_process.h"

#include <fstream>
#include <sstream>

#include "plugin/cli/installation.h"
#include "plugin/cli/mapped_library.h"
#include "plugin/rendezvous/endpoint_name.h"
#include "plugin/rendezvous/kernel_query.h"

namespace samehost::cli {
namespace {

// The inode of the socket that listens at this path or abstract name; nothing when none does.
std::optional<uint64_t> UnixInode(const rendezvous::Address& address) {
  const std::string path = rendezvous::UnixPath(address);
  std::string wanted = path;
  if (wanted.empty()) {
    constexpr std::string_view kAbstract = "unix-abstract:";
    wanted = "@" + rendezvous::ToString(address).substr(kAbstract.size());
  }
  std::ifstream in("/proc/net/unix");
  std::string line;
  while (std::getline(in, line)) {
    // Num RefCount Protocol Flags Type St Inode Path
    std::istringstream fields(line);
    std::string number;
    std::string references;
    std::string protocol;
    std::string flags;
    std::string type;
    std::string state;
    std::string name;
    uint64_t inode = 0;
    if (!(fields >> number >> references >> protocol >> flags >> type >> state >> inode)) continue;
    std::getline(fields >> std::ws, name);
    if (flags == "00010000" && name == wanted) return inode;  // it accepts connections
  }
  return std::nullopt;
}

void FindOwner(uint64_t inode, ListenerProcess* out) {
  const std::string wanted = "socket:[" + std::to_string(inode) + "]";
  for (const Process& process : ListProcesses()) {
    bool readable = false;
    for (const Descriptor& descriptor : ListDescriptors(process.pid, &readable)) {
      if (descriptor.target != wanted) continue;
      out->process = process;
      for (const MappedFile& file : ListMappedFiles(process.pid)) {
        const std::string name = file.path.substr(file.path.rfind('/') + 1);
        if (name == kPreloadName) out->under_run = true;
        const auto note = NoteOf(process.pid, file);
        if (note && note->library == "grpc") out->has_samehost = true;
        if (note && note->library == "zmq") out->has_samehost_zmq = true;
      }
      return;
    }
  }
}

}  // namespace

ListenerProcess FindListenerProcess(const rendezvous::Address& address) {
  ListenerProcess out;
  std::optional<uint64_t> inode;
  if (address.storage.ss_family == AF_UNIX) {
    out.known = true;
    inode = UnixInode(address);
  } else {
    auto endpoint = rendezvous::ToEndpoint(address);
    if (!endpoint) return out;
    const auto target = rendezvous::AsTarget(*endpoint);
    const auto local = rendezvous::IsLocalAddress(target.tcp);
    if (!local || !*local) return out;  // another host's: nobody can tell from here
    const auto listener = rendezvous::FindTcpListener(target.tcp);
    if (!listener) return out;
    out.known = true;
    if (*listener) inode = (*listener)->inode;
  }
  out.listens = inode.has_value();
  if (inode) FindOwner(*inode, &out);
  return out;
}

}  // namespace samehost::cli
