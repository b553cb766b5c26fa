#include "plugin/grpc/metadata_codec.h"

#include <grpc/grpc.h>

#include <cstring>
#include <limits>
#include <optional>
#include <utility>

#include "src/core/lib/surface/validate_metadata.h"

namespace samehost::grpc_transport {
namespace {

using grpc_core::Slice;

// Never renumbered.
enum Tag : uint8_t {
  kNamed = 0,           // u16 name length, name, u32 value length, value
  kPath = 1,            // u32 length, value
  kAuthority = 2,       // u32 length, value
  kUserAgent = 3,       // u32 length, value
  kTimeout = 4,         // i64 milliseconds
  kStatus = 5,          // u32
  kMessage = 6,         // u32 length, value
  kEncoding = 7,        // u32 grpc_compression_algorithm
  kAcceptEncoding = 8,  // u32 bit set
};

constexpr size_t kEntryOverhead = 32;

// Cleared when a call retries transparently etc.; encodes what gRPC marks as encodable.
class Encoder {
 public:
  explicit Encoder(std::string* out) : out_(out) {}

  void Encode(const Slice& key, const Slice& value) {
    Named(key.as_string_view(), value.as_string_view());
  }
  void Encode(grpc_core::HttpPathMetadata, const Slice& v) { Text(kPath, ":path", v); }
  void Encode(grpc_core::HttpAuthorityMetadata, const Slice& v) {
    Text(kAuthority, ":authority", v);
  }
  void Encode(grpc_core::UserAgentMetadata, const Slice& v) { Text(kUserAgent, "user-agent", v); }
  void Encode(grpc_core::GrpcMessageMetadata, const Slice& v) { Text(kMessage, "grpc-message", v); }
  void Encode(grpc_core::GrpcTimeoutMetadata, grpc_core::Timestamp deadline) {
    if (deadline == grpc_core::Timestamp::InfFuture()) return;
    const int64_t left = (deadline - grpc_core::Timestamp::Now()).millis();
    Put<uint8_t>(kTimeout);
    Put<int64_t>(left < 0 ? 0 : left);
    size_ += kEntryOverhead + 12 + 3;
  }
  void Encode(grpc_core::GrpcStatusMetadata, grpc_status_code status) {
    Number(kStatus, static_cast<uint32_t>(status), 12);
  }
  void Encode(grpc_core::GrpcEncodingMetadata, grpc_compression_algorithm algorithm) {
    Number(kEncoding, static_cast<uint32_t>(algorithm), 17);
  }
  void Encode(grpc_core::GrpcAcceptEncodingMetadata, grpc_core::CompressionAlgorithmSet set) {
    Number(kAcceptEncoding, set.ToLegacyBitmask(), 40);
  }
  // Meaningless here: there is no HTTP.
  void Encode(grpc_core::TeMetadata, grpc_core::TeMetadata::ValueType) {}
  void Encode(grpc_core::ContentTypeMetadata, grpc_core::ContentTypeMetadata::ValueType) {}
  void Encode(grpc_core::HttpSchemeMetadata, grpc_core::HttpSchemeMetadata::ValueType) {}
  void Encode(grpc_core::HttpMethodMetadata, grpc_core::HttpMethodMetadata::ValueType) {}
  void Encode(grpc_core::HttpStatusMetadata, uint32_t) {}
  template <class Trait, class Value>
  void Encode(Trait, const Value& value) {
    const Slice encoded(Trait::Encode(value));
    Named(Trait::key(), encoded.as_string_view());
  }

  size_t size() const { return size_; }

 private:
  template <class T>
  void Put(T value) {
    out_->append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void Named(absl::string_view name, absl::string_view value) {
    Put<uint8_t>(kNamed);
    Put<uint16_t>(static_cast<uint16_t>(name.size()));
    out_->append(name.data(), name.size());
    Put<uint32_t>(static_cast<uint32_t>(value.size()));
    out_->append(value.data(), value.size());
    size_ += name.size() + value.size() + kEntryOverhead;
  }
  void Text(Tag tag, absl::string_view name, const Slice& value) {
    Put<uint8_t>(tag);
    Put<uint32_t>(static_cast<uint32_t>(value.size()));
    out_->append(value.as_string_view().data(), value.size());
    size_ += name.size() + value.size() + kEntryOverhead;
  }
  void Number(Tag tag, uint32_t value, size_t http2_size) {
    Put<uint8_t>(tag);
    Put<uint32_t>(value);
    size_ += kEntryOverhead + http2_size;
  }

  std::string* out_;
  size_t size_ = 0;
};

// Takes checked pieces off the front; `ok` goes false for good when the bytes run out.
class Reader {
 public:
  explicit Reader(absl::string_view bytes) : rest_(bytes) {}
  bool empty() const { return rest_.empty(); }
  bool ok() const { return ok_; }
  template <class T>
  T Get() {
    T value{};
    if (rest_.size() < sizeof value) {
      ok_ = false;
      rest_ = {};
      return value;
    }
    std::memcpy(&value, rest_.data(), sizeof value);
    rest_.remove_prefix(sizeof value);
    return value;
  }
  absl::string_view Text(size_t size) {
    if (rest_.size() < size) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    absl::string_view text = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return text;
  }
  absl::string_view Text() { return Text(Get<uint32_t>()); }

 private:
  absl::string_view rest_;
  bool ok_ = true;
};

Slice Copy(absl::string_view text) { return Slice::FromCopiedBuffer(text.data(), text.size()); }

bool AppendNamed(Reader& in, grpc_metadata_batch* batch, size_t* size) {
  const absl::string_view name = in.Text(in.Get<uint16_t>());
  const absl::string_view value = in.Text();
  if (!in.ok() || name.empty()) return false;
  *size += name.size() + value.size() + kEntryOverhead;
  bool parsed = true;
  batch->Append(name, Copy(value), [&parsed](absl::string_view, const Slice&) { parsed = false; });
  (void)parsed;  // as over HTTP/2, a value that does not parse is dropped, not fatal
  return true;
}

}  // namespace

size_t EncodeMetadata(const grpc_metadata_batch& batch, std::string* out) {
  Encoder encoder(out);
  batch.Encode(&encoder);
  return encoder.size();
}

std::string EncodedUserAgent(const grpc_core::ChannelArgs& args) {
  std::string text(args.GetString(GRPC_ARG_PRIMARY_USER_AGENT_STRING).value_or(""));
  text += text.empty() ? "" : " ";
  text += std::string("grpc-c/") + grpc_version_string() + " (" GPR_PLATFORM_STRING "; samehost)";
  const absl::string_view second =
      args.GetString(GRPC_ARG_SECONDARY_USER_AGENT_STRING).value_or("");
  if (!second.empty()) text.append(" ").append(second.data(), second.size());
  std::string encoded;
  Encoder(&encoded).Encode(grpc_core::UserAgentMetadata(), Slice::FromCopiedString(text));
  return encoded;
}

Slice MetadataDecoder::Recent::Share(absl::string_view value) {
  if (slice.as_string_view() != value) slice = Copy(value);
  return slice.Ref();
}

MetadataDecoder::Outcome MetadataDecoder::Decode(absl::string_view bytes, size_t limit,
                                                 grpc_metadata_batch* batch, size_t* size) {
  Reader in(bytes);
  size_t total = 0;
  auto text = [&](size_t name_size) {
    const absl::string_view value = in.Text();
    total += name_size + value.size() + kEntryOverhead;
    return value;
  };
  while (!in.empty()) {
    switch (in.Get<uint8_t>()) {
      case kNamed:
        if (!AppendNamed(in, batch, &total)) return Outcome::kMalformed;
        break;
      case kPath:
        batch->Set(grpc_core::HttpPathMetadata(), path_.Share(text(5)));
        break;
      case kAuthority:
        batch->Set(grpc_core::HttpAuthorityMetadata(), authority_.Share(text(10)));
        break;
      case kUserAgent:
        batch->Set(grpc_core::UserAgentMetadata(), user_agent_.Share(text(10)));
        break;
      case kMessage:
        batch->Set(grpc_core::GrpcMessageMetadata(), Copy(text(12)));
        break;
      case kTimeout: {
        const int64_t left = std::max<int64_t>(0, in.Get<int64_t>());
        batch->Set(grpc_core::GrpcTimeoutMetadata(),
                   grpc_core::Timestamp::Now() + grpc_core::Duration::Milliseconds(left));
        total += kEntryOverhead + 15;
        break;
      }
      case kStatus: {
        const uint32_t status = in.Get<uint32_t>();  // any, as over HTTP/2
        batch->Set(grpc_core::GrpcStatusMetadata(), static_cast<grpc_status_code>(status));
        total += kEntryOverhead + 12;
        break;
      }
      case kEncoding: {
        const uint32_t algorithm = in.Get<uint32_t>();
        if (algorithm >= GRPC_COMPRESS_ALGORITHMS_COUNT) return Outcome::kMalformed;
        batch->Set(grpc_core::GrpcEncodingMetadata(),
                   static_cast<grpc_compression_algorithm>(algorithm));
        total += kEntryOverhead + 17;
        break;
      }
      case kAcceptEncoding: {
        auto set = grpc_core::CompressionAlgorithmSet::FromUint32(in.Get<uint32_t>());
        set.Set(GRPC_COMPRESS_NONE);  // as over HTTP/2; gRPC takes it for granted
        batch->Set(grpc_core::GrpcAcceptEncodingMetadata(), set);
        total += kEntryOverhead + 40;
        break;
      }
      default:
        return Outcome::kMalformed;
    }
    if (!in.ok()) return Outcome::kMalformed;
  }
  *size = total;
  if (total <= limit) return Outcome::kOk;
  batch->Clear();
  return Outcome::kTooLarge;
}

}  // namespace samehost::grpc_transport
