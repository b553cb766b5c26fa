#include "plugin/rendezvous/handshake.h"

#include <algorithm>
#include <atomic>

namespace samehost::rendezvous {
namespace {

constexpr uint64_t kMagic = 0x3154534f48454d53u;  // "SMEHOST1"

class Writer {
 public:
  explicit Writer(MessageKind kind) {
    U64(kMagic);
    U32(static_cast<uint32_t>(kind));
  }
  void U8(uint8_t value) { bytes_.push_back(static_cast<char>(value)); }
  void U16(uint16_t value) { Number(value, 2); }
  void U32(uint32_t value) { Number(value, 4); }
  void U64(uint64_t value) { Number(value, 8); }
  void Text(std::string_view text, size_t limit) {
    text = text.substr(0, limit);
    U32(static_cast<uint32_t>(text.size()));
    bytes_.append(text);
  }
  void File(const FileId& file) {
    U64(file.device);
    U64(file.inode);
  }
  void Ip(const IpEndpoint& endpoint) {
    bytes_.append(endpoint.ip.begin(), endpoint.ip.end());
    U16(endpoint.port);
    U32(endpoint.scope);
  }
  std::string Take() { return std::move(bytes_); }

 private:
  void Number(uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) U8(static_cast<uint8_t>(value >> (8 * i)));
  }
  std::string bytes_;
};

// Reads from a bounded message. After the first thing that does not fit, ok() is false for good and
// every read gives zeros.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : left_(bytes) {}
  bool ok() const { return ok_; }
  uint8_t U8() { return static_cast<uint8_t>(Number(1)); }
  uint16_t U16() { return static_cast<uint16_t>(Number(2)); }
  uint32_t U32() { return static_cast<uint32_t>(Number(4)); }
  uint64_t U64() { return Number(8); }
  std::string Text(size_t limit) {
    const uint32_t bytes = U32();
    if (bytes > limit) ok_ = false;
    return std::string(Take(bytes));
  }
  FileId File() {
    FileId file;
    file.device = U64();
    file.inode = U64();
    return file;
  }
  IpEndpoint Ip() {
    IpEndpoint endpoint;
    const std::string_view bytes = Take(endpoint.ip.size());
    std::copy(bytes.begin(), bytes.end(), endpoint.ip.begin());
    endpoint.port = U16();
    endpoint.scope = U32();
    return endpoint;
  }

 private:
  std::string_view Take(size_t bytes) {
    if (!ok_ || bytes > left_.size()) {
      ok_ = false;
      return {};
    }
    const std::string_view taken = left_.substr(0, bytes);
    left_.remove_prefix(bytes);
    return taken;
  }
  uint64_t Number(size_t bytes) {
    uint64_t value = 0;
    int shift = 0;
    for (char byte : Take(bytes)) {
      value |= static_cast<uint64_t>(static_cast<uint8_t>(byte)) << shift;
      shift += 8;
    }
    return value;
  }
  std::string_view left_;
  bool ok_ = true;
};

Error Malformed(const char* what) {
  return Error{ErrorCode::kProtocol, 0, std::string("read ") + what};
}

// Reads past magic and kind; not ok when the message is of another kind.
bool Open(Reader& reader, MessageKind kind) {
  return reader.U64() == kMagic && reader.U32() == static_cast<uint32_t>(kind) && reader.ok();
}

void WriteEndpoint(Writer& writer, const Endpoint& endpoint) {
  writer.U8(static_cast<uint8_t>(endpoint.kind));
  writer.Ip(endpoint.tcp);
  writer.File(endpoint.folder);
  writer.Text(endpoint.name, kMaxEndpointName);
}

// False when the kind is unknown.
bool ReadEndpoint(Reader& reader, Endpoint* endpoint) {
  const uint8_t kind = reader.U8();
  endpoint->tcp = reader.Ip();
  endpoint->folder = reader.File();
  endpoint->name = reader.Text(kMaxEndpointName);
  if (kind < 1 || kind > 4) return false;
  endpoint->kind = static_cast<EndpointKind>(kind);
  return true;
}

// The peer's words go into logs: nothing but printable ASCII.
std::string Printable(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  return text;
}

// Both halves in one word, so that a reader never sees half a change.
constexpr uint64_t Pack(VersionRange versions) {
  return static_cast<uint64_t>(versions.min) << 32 | versions.max;
}
std::atomic<uint64_t> spoken_versions{Pack({kProtocolVersionMin, kProtocolVersionMax})};

}  // namespace

std::string Encode(const Hello& hello) {
  Writer writer(MessageKind::kHello);
  writer.U32(hello.versions.min);
  writer.U32(hello.versions.max);
  writer.U64(hello.capabilities);
  writer.U32(hello.timeout_ms);
  writer.U32(hello.initial_ring_bytes);
  writer.U32(hello.max_ring_bytes);
  writer.File(hello.netns);
  WriteEndpoint(writer, hello.target);
  writer.File(hello.socket_file);
  writer.Text(hello.protocol, kMaxProtocolBytes);
  writer.Text(hello.request, kMaxRequestBytes);
  return writer.Take();
}

std::string Encode(const Accept& accept) {
  Writer writer(MessageKind::kAccept);
  writer.U32(accept.version);
  writer.U64(accept.capabilities);
  writer.Text(accept.reply, kMaxRequestBytes);
  return writer.Take();
}

std::string Encode(const Refuse& refuse) {
  Writer writer(MessageKind::kRefuse);
  writer.U32(static_cast<uint32_t>(refuse.reason));
  writer.Text(refuse.detail, kMaxDetailBytes);
  return writer.Take();
}

std::string Encode(const Proof& proof) {
  Writer writer(MessageKind::kProof);
  const size_t count = std::min(proof.connections.size(), kMaxProofs);
  writer.U32(static_cast<uint32_t>(count));
  for (size_t i = 0; i < count; ++i) writer.Ip(proof.connections[i]);
  return writer.Take();
}

std::string EncodeProve() { return Writer(MessageKind::kProve).Take(); }

Result<MessageKind> DecodeKind(std::string_view message) {
  Reader reader(message);
  const bool ours = reader.U64() == kMagic;
  const uint32_t kind = reader.U32();
  if (!reader.ok() || !ours || kind < 1 || kind > 5) return Malformed("message");
  return static_cast<MessageKind>(kind);
}

Result<VersionRange> DecodeVersions(std::string_view message) {
  Reader reader(message);
  VersionRange versions;
  if (!Open(reader, MessageKind::kHello)) return Malformed("hello");
  versions.min = reader.U32();
  versions.max = reader.U32();
  if (!reader.ok()) return Malformed("hello");
  return versions;
}

Result<Hello> DecodeHello(std::string_view message) {
  Reader reader(message);
  Hello hello;
  if (!Open(reader, MessageKind::kHello)) return Malformed("hello");
  hello.versions.min = reader.U32();
  hello.versions.max = reader.U32();
  hello.capabilities = reader.U64();
  hello.timeout_ms = reader.U32();
  hello.initial_ring_bytes = reader.U32();
  hello.max_ring_bytes = reader.U32();
  hello.netns = reader.File();
  const bool known = ReadEndpoint(reader, &hello.target);
  hello.socket_file = reader.File();
  hello.protocol = reader.Text(kMaxProtocolBytes);
  hello.request = reader.Text(kMaxRequestBytes);
  if (!reader.ok() || !known) return Malformed("hello");
  return hello;
}

Result<Accept> DecodeAccept(std::string_view message) {
  Reader reader(message);
  Accept accept;
  if (!Open(reader, MessageKind::kAccept)) return Malformed("accept");
  accept.version = reader.U32();
  accept.capabilities = reader.U64();
  accept.reply = reader.Text(kMaxRequestBytes);
  if (!reader.ok()) return Malformed("accept");
  return accept;
}

Result<Refuse> DecodeRefuse(std::string_view message) {
  Reader reader(message);
  Refuse refuse;
  if (!Open(reader, MessageKind::kRefuse)) return Malformed("refuse");
  const uint32_t reason = reader.U32();
  refuse.detail = Printable(reader.Text(kMaxDetailBytes));
  if (!reader.ok()) return Malformed("refuse");
  // A reason of a later version, or the nonsense "refused because of nothing".
  const bool known = reason > 0 && reason <= static_cast<uint32_t>(FallbackReason::kSystemError);
  refuse.reason = known ? static_cast<FallbackReason>(reason) : FallbackReason::kHandshakeFailed;
  return refuse;
}

Result<Proof> DecodeProof(std::string_view message) {
  Reader reader(message);
  Proof proof;
  if (!Open(reader, MessageKind::kProof)) return Malformed("proof");
  const uint32_t count = reader.U32();
  if (count > kMaxProofs) return Malformed("proof");
  for (uint32_t i = 0; i < count; ++i) proof.connections.push_back(reader.Ip());
  if (!reader.ok()) return Malformed("proof");
  return proof;
}

VersionRange SpokenVersions() {
  // Relaxed: a number on its own, nothing is published with it.
  const uint64_t packed = spoken_versions.load(std::memory_order_relaxed);
  return {static_cast<uint32_t>(packed >> 32), static_cast<uint32_t>(packed)};
}

void SetSpokenVersionsForTest(VersionRange versions) {
  spoken_versions.store(Pack(versions), std::memory_order_relaxed);  // relaxed: as above
}

uint32_t CommonVersion(VersionRange a, VersionRange b) {
  const uint32_t highest = std::min(a.max, b.max);
  return highest >= std::max(a.min, b.min) ? highest : 0;
}

}  // namespace samehost::rendezvous
