#include "plugin/cli/own_copy.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "plugin/cli/elf_file.h"

namespace samehost::cli {
namespace {

constexpr size_t kChunkBytes = size_t{1} << 20;
// More constants than any real file has. A file may claim the same ones many times.
constexpr uint64_t kMaxBytes = uint64_t{1} << 29;

// SUBTLE: each text is put together at run time, so that this command does not contain it and is
// not taken for a program with gRPC or ZeroMQ inside.
struct Signs {
  // An argument's name (GRPC_ARG_SECURITY_CONNECTOR) that no library outside of the core uses.
  const std::string grpc = std::string("grpc.internal.") + "security_connector" + '\0';
  // The messages of two errors that are ZeroMQ's own (ENOCOMPATPROTO and ETERM).
  const std::string zmq_protocol =
      std::string("The protocol is not compatible ") + "with the socket type" + '\0';
  const std::string zmq_terminated = std::string("Context was ") + "terminated" + '\0';
};

struct Seen {
  bool grpc = false;
  bool zmq_protocol = false;
  bool zmq_terminated = false;
};

void Look(const std::string& bytes, size_t size, const Signs& signs, Seen* seen) {
  const auto look = [&](const std::string& sign, bool* found) {
    *found = *found || memmem(bytes.data(), size, sign.data(), sign.size()) != nullptr;
  };
  look(signs.grpc, &seen->grpc);
  look(signs.zmq_protocol, &seen->zmq_protocol);
  look(signs.zmq_terminated, &seen->zmq_terminated);
}

// SUBTLE: read(2), not mmap(2): a file that is cut short meanwhile ends the search and not this
// process.
void LookThrough(int fd, const ElfFile::Range& range, const Signs& signs, Seen* seen) {
  // So much of one chunk is kept in front of the next that no sign falls between the two.
  const size_t overlap =
      std::max({signs.grpc.size(), signs.zmq_protocol.size(), signs.zmq_terminated.size()}) - 1;
  std::string buffer(overlap + kChunkBytes, '\0');
  size_t kept = 0;
  for (uint64_t done = 0; done < range.bytes;) {
    const size_t wanted = std::min<uint64_t>(kChunkBytes, range.bytes - done);
    const ssize_t got =
        pread(fd, buffer.data() + kept, wanted, static_cast<off_t>(range.offset + done));
    if (got <= 0) return;
    done += static_cast<uint64_t>(got);
    const size_t size = kept + static_cast<size_t>(got);
    Look(buffer, size, signs, seen);
    kept = std::min(overlap, size);
    std::memmove(buffer.data(), buffer.data() + size - kept, kept);
  }
}

}  // namespace

OwnCopy FindOwnCopy(int fd) {
  struct stat status;
  const ElfFile file = ElfFile::FromDescriptor(fd);
  if (!file.valid() || fstat(fd, &status) != 0 || status.st_size <= 0) return {};
  const auto size = static_cast<uint64_t>(status.st_size);
  std::vector<ElfFile::Range> ranges = file.Constants();
  if (ranges.empty()) ranges.push_back({0, size});
  static const Signs signs;
  Seen seen;
  uint64_t left = kMaxBytes;
  for (ElfFile::Range range : ranges) {
    if (range.offset >= size) continue;
    range.bytes = std::min({range.bytes, size - range.offset, left});
    left -= range.bytes;
    LookThrough(fd, range, signs, &seen);
  }
  return {seen.grpc, seen.zmq_protocol && seen.zmq_terminated};
}

}  // namespace samehost::cli
