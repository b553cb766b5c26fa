// Which credentials may use shared memory with which, and the bytes in which the sides say so.
#include "plugin/grpc/security_profile.h"

#include <arpa/inet.h>
#include <grpc/grpc_security.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <random>
#include <string>

#include "src/core/lib/gprpp/ref_counted_ptr.h"
#include "src/core/lib/iomgr/exec_ctx.h"
#include "src/core/lib/security/credentials/credentials.h"

namespace samehost::grpc_transport {
namespace {

SecurityProfile Make(SecurityKind kind, bool replace = false, std::string name = "Name") {
  SecurityProfile profile;
  profile.kind = kind;
  profile.type_name = std::move(name);
  profile.replace_tls = replace;
  return profile;
}

FallbackReason Both(const SecurityProfile& client, const SecurityProfile& server,
                    AddressClass address) {
  const Fallback result = CheckBoth(client, server, address);
  EXPECT_EQ(result.reason == FallbackReason::kNone, result.detail.empty());
  return result.reason;
}

constexpr FallbackReason kOk = FallbackReason::kNone;
constexpr FallbackReason kTls = FallbackReason::kTlsNotReplaced;

TEST(SecurityProfile, PlainAndSecureNeverMeet) {
  for (const bool replace : {false, true}) {
    for (const SecurityKind secure : {SecurityKind::kTls, SecurityKind::kOther}) {
      for (const SecurityKind plain :
           {SecurityKind::kInsecure, SecurityKind::kLocalTcp, SecurityKind::kLocalUnix}) {
        for (const AddressClass address :
             {AddressClass::kUnix, AddressClass::kLoopback, AddressClass::kElsewhere}) {
          EXPECT_EQ(Both(Make(plain, replace), Make(secure, replace), address), kTls);
          EXPECT_EQ(Both(Make(secure, replace), Make(plain, replace), address), kTls);
        }
      }
    }
  }
}

TEST(SecurityProfile, TlsIsReplacedOnlyWhenBothSidesSaySo) {
  const auto address = AddressClass::kElsewhere;
  for (const bool client : {false, true}) {
    for (const bool server : {false, true}) {
      EXPECT_EQ(Both(Make(SecurityKind::kTls, client), Make(SecurityKind::kTls, server), address),
                client && server ? kOk : kTls);
    }
  }
}

TEST(SecurityProfile, OtherSecureKindsNeedTheSameName) {
  const auto address = AddressClass::kLoopback;
  const SecurityProfile alts = Make(SecurityKind::kOther, true, "Alts");
  EXPECT_EQ(Both(alts, alts, address), kOk);
  EXPECT_EQ(Both(alts, Make(SecurityKind::kOther, true, "Fake"), address), kTls);
  EXPECT_EQ(Both(alts, Make(SecurityKind::kTls, true), address), kTls);
}

TEST(SecurityProfile, LocalCredentialsNeedTheAddressThatTheyNeedOverTheSocket) {
  const SecurityProfile insecure = Make(SecurityKind::kInsecure);
  const SecurityProfile tcp = Make(SecurityKind::kLocalTcp);
  const SecurityProfile unix = Make(SecurityKind::kLocalUnix);
  EXPECT_EQ(Both(insecure, insecure, AddressClass::kElsewhere), kOk);
  EXPECT_EQ(Both(tcp, tcp, AddressClass::kLoopback), kOk);
  EXPECT_EQ(Both(tcp, insecure, AddressClass::kLoopback), kOk);
  EXPECT_EQ(Both(insecure, tcp, AddressClass::kElsewhere), kTls);
  EXPECT_EQ(Both(tcp, tcp, AddressClass::kUnix), kTls);
  EXPECT_EQ(Both(unix, insecure, AddressClass::kUnix), kOk);
  EXPECT_EQ(Both(insecure, unix, AddressClass::kLoopback), kTls);
  EXPECT_EQ(Both(unix, tcp, AddressClass::kUnix), kTls);
}

TEST(SecurityProfile, OfCoreCredentials) {
  grpc_init();
  {
    grpc_core::ExecCtx exec_ctx;
    using Client = grpc_core::RefCountedPtr<grpc_channel_credentials>;
    using Server = grpc_core::RefCountedPtr<grpc_server_credentials>;
    const Client insecure(grpc_insecure_credentials_create());
    const Client unix(grpc_local_credentials_create(UDS));
    const Client tcp(grpc_local_credentials_create(LOCAL_TCP));
    EXPECT_EQ(ProfileOf(insecure.get(), false).kind, SecurityKind::kInsecure);
    EXPECT_EQ(ProfileOf(unix.get(), false).kind, SecurityKind::kLocalUnix);
    EXPECT_EQ(ProfileOf(tcp.get(), true).kind, SecurityKind::kLocalTcp);
    EXPECT_TRUE(ProfileOf(tcp.get(), true).replace_tls);
    const Client ssl(grpc_ssl_credentials_create("roots", nullptr, nullptr, nullptr));
    EXPECT_EQ(ProfileOf(ssl.get(), false).kind, SecurityKind::kTls);
    EXPECT_EQ(ProfileOf(ssl.get(), false).type_name, "Ssl");
    grpc_core::RefCountedPtr<grpc_call_credentials> token(
        grpc_access_token_credentials_create("token", nullptr));
    const Client once(grpc_composite_channel_credentials_create(ssl.get(), token.get(), nullptr));
    const Client again(grpc_composite_channel_credentials_create(once.get(), token.get(), nullptr));
    EXPECT_EQ(ProfileOf(again.get(), false).kind, SecurityKind::kTls);
    const Server insecure_server(grpc_insecure_server_credentials_create());
    const Server unix_server(grpc_local_server_credentials_create(UDS));
    EXPECT_EQ(ProfileOf(insecure_server.get(), false).kind, SecurityKind::kInsecure);
    EXPECT_EQ(ProfileOf(unix_server.get(), false).kind, SecurityKind::kLocalUnix);
  }
  grpc_shutdown();
}

rendezvous::Address V4(const char* text) {
  rendezvous::Address address;
  auto* in = reinterpret_cast<sockaddr_in*>(&address.storage);
  in->sin_family = AF_INET;
  inet_pton(AF_INET, text, &in->sin_addr);
  address.length = sizeof(*in);
  return address;
}

rendezvous::Address V6(const char* text) {
  rendezvous::Address address;
  auto* in = reinterpret_cast<sockaddr_in6*>(&address.storage);
  in->sin6_family = AF_INET6;
  inet_pton(AF_INET6, text, &in->sin6_addr);
  address.length = sizeof(*in);
  return address;
}

TEST(SecurityProfile, AddressesAsLocalCredentialsSeeThem) {
  EXPECT_EQ(ClassOf(V4("127.0.0.1")), AddressClass::kLoopback);
  EXPECT_EQ(ClassOf(V4("127.0.0.2")), AddressClass::kElsewhere);
  EXPECT_EQ(ClassOf(V4("10.0.0.1")), AddressClass::kElsewhere);
  EXPECT_EQ(ClassOf(V6("::1")), AddressClass::kLoopback);
  EXPECT_EQ(ClassOf(V6("fe80::1")), AddressClass::kElsewhere);
  rendezvous::Address unix;
  unix.storage.ss_family = AF_UNIX;
  EXPECT_EQ(ClassOf(unix), AddressClass::kUnix);
}

TEST(Introduction, ComesBackAsItWas) {
  for (int kind = 0; kind <= 4; ++kind) {
    for (int address = 0; address <= 2; ++address) {
      const Introduction in{Make(static_cast<SecurityKind>(kind), kind % 2 == 0, "Alts"),
                            static_cast<AddressClass>(address)};
      const std::optional<Introduction> out = Decode(Encode(in) + "a later version's addition");
      ASSERT_TRUE(out.has_value());
      EXPECT_EQ(out->profile.kind, in.profile.kind);
      EXPECT_EQ(out->profile.replace_tls, in.profile.replace_tls);
      EXPECT_EQ(out->profile.type_name, in.profile.type_name);
      EXPECT_EQ(out->address, in.address);
    }
  }
}

TEST(Introduction, NonsenseIsRefused) {
  const std::string good = Encode(Introduction{Make(SecurityKind::kTls), AddressClass::kUnix});
  for (size_t length = 0; length < good.size(); ++length) {
    EXPECT_FALSE(Decode(good.substr(0, length)).has_value()) << length;
  }
  for (const size_t position : {size_t{0}, size_t{2}, size_t{4}, size_t{5}}) {
    std::string bad = good;
    bad[position] = '\xff';
    EXPECT_FALSE(Decode(bad).has_value()) << position;
  }
}

TEST(Introduction, RandomBytesNeverHarm) {
  const unsigned seed = std::random_device{}();
  RecordProperty("seed", std::to_string(seed));
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int round = 0; round < 20000; ++round) {
    std::string bytes(random() % 80, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    if (!bytes.empty() && random() % 2 == 0) bytes[0] = 1;
    const std::optional<Introduction> decoded = Decode(bytes);
    if (!decoded.has_value()) continue;
    EXPECT_LE(decoded->profile.type_name.size(), 64u);
    for (const char c : decoded->profile.type_name) EXPECT_TRUE(c >= 0x20 && c < 0x7f);
    (void)CheckBoth(decoded->profile, decoded->profile, decoded->address);
  }
}

}  // namespace
}  // namespace samehost::grpc_transport
