// The handshake's messages. Each is one message of a SOCK_SEQPACKET socket:
//
//   client                              server
//     hello + memfd (+ 2 eventfds)  -->
//                                   <--   accept | refuse | prove
//     proof (only after "prove")    -->
//                                   <--   accept | refuse
//
//   every message:  magic 8 | kind u32 | ...
//   hello:          version_min u32 | version_max u32 | rest (see the encoder)
//
// All numbers little-endian, strings as u32 length and bytes. Magic, kind, and the two versions of
// a hello never change their places; later versions append fields, which older readers skip.
//
// Plain functions over bytes, any thread. Decoding never trusts a length: a short, long or foreign
// message is a kProtocol error.
#ifndef SAMEHOST_PLUGIN_RENDEZVOUS_HANDSHAKE_H_
#define SAMEHOST_PLUGIN_RENDEZVOUS_HANDSHAKE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/rendezvous/endpoint_name.h"
#include "plugin/rendezvous/fallback_reason.h"

namespace samehost::rendezvous {

// With fewer descriptors than this to spare, neither side begins: it takes up to six for a link and
// some for a moment, and what else the process is doing should not run out because of us.
inline constexpr int kSpareDescriptors = 16;

inline constexpr size_t kMaxMessageBytes = 32 * 1024;
inline constexpr size_t kMaxRequestBytes = 16 * 1024;  // request, reply
inline constexpr size_t kMaxProtocolBytes = 32;
inline constexpr size_t kMaxDetailBytes = 512;
inline constexpr size_t kMaxProofs = 8;

// Hello::capabilities: the client wants to know and not to connect (Options::probe).
inline constexpr uint64_t kProbe = 1;

enum class MessageKind : uint32_t { kHello = 1, kAccept = 2, kRefuse = 3, kProve = 4, kProof = 5 };

struct VersionRange {
  uint32_t min = 0;
  uint32_t max = 0;
};

struct Hello {
  VersionRange versions;
  uint64_t capabilities = 0;  // kProbe; unknown bits are ignored
  uint32_t timeout_ms = 0;    // how long the client will wait, from now
  uint32_t initial_ring_bytes = 0;
  uint32_t max_ring_bytes = 0;
  FileId netns;
  Endpoint target;
  FileId socket_file;  // kUnixPath: the file as the client sees it; zeros when it is not there
  std::string protocol;
  std::string request;
};

struct Accept {
  uint32_t version = 0;
  uint64_t capabilities = 0;
  std::string reply;
};

struct Refuse {
  FallbackReason reason = FallbackReason::kNone;
  std::string detail;  // printable once decoded
};

// The client's ends of its own connections to the target address.
struct Proof {
  std::vector<IpEndpoint> connections;
};

// Each fits into kMaxMessageBytes if its strings keep to their limits (longer ones are cut).
std::string Encode(const Hello& hello);
std::string Encode(const Accept& accept);
std::string Encode(const Refuse& refuse);
std::string Encode(const Proof& proof);
std::string EncodeProve();

// The kind of a message that has our magic; kProtocol otherwise.
Result<MessageKind> DecodeKind(std::string_view message);
// The part of a hello that every version can read.
Result<VersionRange> DecodeVersions(std::string_view message);
Result<Hello> DecodeHello(std::string_view message);
Result<Accept> DecodeAccept(std::string_view message);
Result<Refuse> DecodeRefuse(std::string_view message);
Result<Proof> DecodeProof(std::string_view message);

// What this process speaks: [kProtocolVersionMin, kProtocolVersionMax], unless a test says
// otherwise.
VersionRange SpokenVersions();
void SetSpokenVersionsForTest(VersionRange versions);
// The highest version in both ranges, 0 when there is none.
uint32_t CommonVersion(VersionRange a, VersionRange b);

}  // namespace samehost::rendezvous

#endif  // SAMEHOST_PLUGIN_RENDEZVOUS_HANDSHAKE_H_
