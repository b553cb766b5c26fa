// Metadata of every kind in every direction, and what a call says about itself: peer, authority,
// user agent, status text and details.
#include <grpcpp/support/error_details.h>

#include "plugin/tests/harness/behaviour_fixture.h"
#include "plugin/tests/harness/payload.h"
#include "src/proto/grpc/status/status.pb.h"

namespace samehost::testing {
namespace {

std::string AllBytes() {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes.push_back(static_cast<char>(i));
  return bytes;
}

std::string ToString(grpc::string_ref text) { return {text.data(), text.size()}; }

using Pairs = std::vector<std::pair<std::string, std::string>>;

// The values of one key, in order.
template <typename Map>
std::vector<std::string> ValuesOf(const Map& map, const std::string& key) {
  std::vector<std::string> values;
  for (auto [it, end] = map.equal_range(key); it != end; ++it) {
    values.push_back(ToString(it->second));
  }
  return values;
}

std::vector<std::string> ValuesOf(const behaviour::Report& report, const std::string& key) {
  std::vector<std::string> values;
  for (const auto& pair : report.metadata()) {
    if (pair.key() == key) values.push_back(pair.value());
  }
  return values;
}

void Add(google::protobuf::RepeatedPtrField<behaviour::MetadataPair>* field, const Pairs& pairs) {
  for (const auto& [key, value] : pairs) {
    auto* pair = field->Add();
    pair->set_key(key);
    pair->set_value(value);
  }
}

class MetadataTest : public BehaviourTest {
 protected:
  // Sends `up` with a call that asks for `down` in both places; the status must be OK.
  void Exchange(Behaviour::Stub& stub, const Pairs& up, const Pairs& down) {
    context_ = std::make_unique<grpc::ClientContext>();
    for (const auto& [key, value] : up) context_->AddMetadata(key, value);
    Request request = Payload(10);
    request.mutable_script()->set_report(true);
    Add(request.mutable_script()->mutable_initial_metadata(), down);
    Add(request.mutable_script()->mutable_trailing_metadata(), down);
    grpc::Status status = stub.Unary(context_.get(), request, &reply_);
    ASSERT_TRUE(status.ok()) << status.error_code() << " " << status.error_message();
  }
  grpc::StatusCode Code(Behaviour::Stub& stub, const Pairs& up, const Pairs& initial,
                        const Pairs& trailing) {
    grpc::ClientContext context;
    for (const auto& [key, value] : up) context.AddMetadata(key, value);
    Request request = Payload(10);
    Add(request.mutable_script()->mutable_initial_metadata(), initial);
    Add(request.mutable_script()->mutable_trailing_metadata(), trailing);
    Reply reply;
    grpc::StatusCode code = stub.Unary(&context, request, &reply).error_code();
    // After a call over the limit the stock transport may close the connection under the next one.
    if (code == grpc::StatusCode::UNAVAILABLE && !IsSamehost(GetParam())) {
      return Code(stub, up, initial, trailing);
    }
    return code;
  }

  std::unique_ptr<grpc::ClientContext> context_;
  Reply reply_;
};

void ExpectEverywhere(const grpc::ClientContext& context, const behaviour::Report& report,
                      const std::string& key, const std::vector<std::string>& values) {
  EXPECT_EQ(ValuesOf(report, key), values) << key << " at the server";
  EXPECT_EQ(ValuesOf(context.GetServerInitialMetadata(), key), values) << key << " initial";
  EXPECT_EQ(ValuesOf(context.GetServerTrailingMetadata(), key), values) << key << " trailing";
}

TEST_P(MetadataTest, BinaryEmptyAndDuplicate) {
  StartServer();
  auto stub = Stub();
  Pairs pairs = {{"plain", "text with spaces, and ~!@#$%^&*()"},
                 {"empty", ""},
                 {"bytes-bin", AllBytes()},
                 {"empty-bin", ""},
                 {"odd-bin", std::string("\0", 1)},
                 {"again", "first"},
                 {"again", "second"},
                 {"again", "first"},
                 {"many-bin", "\xff\xfe"},
                 {"many-bin", std::string("\0\1", 2)},
                 {"k.with_all-0123456789", "x"}};
  Exchange(*stub, pairs, pairs);
  std::map<std::string, std::vector<std::string>> expected;
  for (const auto& [key, value] : pairs) expected[key].push_back(value);
  for (const auto& [key, values] : expected) {
    ExpectEverywhere(*context_, reply_.report(), key, values);
  }
}

TEST_P(MetadataTest, NothingIsAdded) {
  StartServer();
  auto stub = Stub();
  Exchange(*stub, {{"mine", "1"}}, {{"yours", "2"}});
  std::map<std::string, int> keys;
  for (const auto& pair : reply_.report().metadata()) ++keys[pair.key()];
  keys.erase("grpc-accept-encoding");
  EXPECT_EQ(keys, (std::map<std::string, int>{{"mine", 1}, {"user-agent", 1}}));
  auto initial = context_->GetServerInitialMetadata();
  auto trailing = context_->GetServerTrailingMetadata();
  for (const auto* map : {&initial, &trailing}) {
    for (const auto& [key, value] : *map) {
      std::string name = ToString(key);
      EXPECT_TRUE(name == "yours" || name == "grpc-accept-encoding" || name == "accept-encoding")
          << name;
    }
  }
}

TEST_P(MetadataTest, LargeBelowTheDefaultLimit) {
  StartServer();
  auto stub = Stub();
  Pairs pairs = {{"large", std::string(7000, 'x')}};
  Exchange(*stub, pairs, pairs);
  ExpectEverywhere(*context_, reply_.report(), "large", {pairs[0].second});
  Pairs many;
  for (int i = 0; i < 60; ++i) many.push_back({"key" + std::to_string(i), std::string(60, 'y')});
  Exchange(*stub, many, many);
  for (const auto& [key, value] : many) {
    ExpectEverywhere(*context_, reply_.report(), key, {value});
  }
}

TEST_P(MetadataTest, LargeWithARaisedLimit) {
  StartServer({"--int_arg=" GRPC_ARG_MAX_METADATA_SIZE ":4194304"});
  ChannelOptions options;
  options.arguments.SetInt(GRPC_ARG_MAX_METADATA_SIZE, 4 << 20);
  auto stub = Stub(std::move(options));
  Pairs pairs = {{"large", std::string(100000, 'x')},
                 {"larger-bin", MakePayload(300000, 7)},
                 {"many-bin", AllBytes()}};
  Exchange(*stub, pairs, pairs);
  for (const auto& [key, value] : pairs) {
    ExpectEverywhere(*context_, reply_.report(), key, {value});
  }
}

TEST_P(MetadataTest, OverTheLimit) {
  StartServer();
  auto stub = Stub();
  const Pairs over = {{"over", std::string(20000, 'x')}};
  // Counts as HTTP/2 counts: name, value and 32 for each entry.
  Pairs many;
  for (int i = 0; i < 250; ++i) many.push_back({"k" + std::to_string(i), "v"});
  for (const Pairs& pairs : {over, many}) {
    EXPECT_EQ(Code(*stub, pairs, {}, {}), grpc::StatusCode::RESOURCE_EXHAUSTED) << "request";
    EXPECT_EQ(Code(*stub, {}, pairs, {}), grpc::StatusCode::RESOURCE_EXHAUSTED) << "initial";
    EXPECT_EQ(Code(*stub, {}, {}, pairs), grpc::StatusCode::RESOURCE_EXHAUSTED) << "trailing";
  }
  // Over HTTP/2 the whole connection fails, and a call that comes at once may still get the old
  // one.
  while (Code(*stub, {}, {}, {}) != grpc::StatusCode::OK) std::this_thread::yield();  // watchdog
}

TEST_P(MetadataTest, LowLimitOfTheServer) {
  StartServer({"--int_arg=" GRPC_ARG_MAX_METADATA_SIZE ":1024"});
  auto stub = Stub();
  EXPECT_EQ(Code(*stub, {{"k", std::string(2000, 'x')}}, {}, {}),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(Code(*stub, {{"k", std::string(200, 'x')}}, {{"k", std::string(2000, 'x')}}, {}),
            grpc::StatusCode::OK);
}

TEST_P(MetadataTest, UserAgent) {
  StartServer();
  ChannelOptions options;
  options.arguments.SetUserAgentPrefix("my-agent/1.2");
  auto stub = Stub(std::move(options));
  Exchange(*stub, {}, {});
  auto agents = ValuesOf(reply_.report(), "user-agent");
  ASSERT_EQ(agents.size(), 1u);
  EXPECT_EQ(agents[0].rfind("my-agent/1.2 grpc-c++/" + grpc::Version(), 0), 0u) << agents[0];
}

TEST_P(MetadataTest, Authority) {
  ServerProcess& server = StartServer();
  auto stub = Stub();
  Exchange(*stub, {}, {});
  EXPECT_EQ(reply_.report().authority(), IsUnix(GetParam()) ? "localhost" : server.target());
  ChannelOptions options;
  options.arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, "my.authority:42");
  auto other = Stub(std::move(options));
  Exchange(*other, {}, {});
  EXPECT_EQ(reply_.report().authority(), "my.authority:42");
  grpc::ClientContext context;
  context.set_authority("per.call");
  Request request;
  request.mutable_script()->set_report(true);
  ASSERT_TRUE(other->Unary(&context, request, &reply_).ok());
  EXPECT_EQ(reply_.report().authority(), "per.call");
}

TEST_P(MetadataTest, PeerAndAuthContext) {
  StartServer();
  auto stub = Stub();
  Exchange(*stub, {}, {});
  std::map<std::string, std::string> server_side;
  for (const auto& pair : reply_.report().auth_properties()) {
    server_side[pair.key()] = pair.value();
  }
  EXPECT_FALSE(reply_.report().peer_authenticated());
  EXPECT_EQ(server_side["transport_security_type"], "insecure");
  EXPECT_EQ(server_side["security_level"], "TSI_SECURITY_NONE");
  auto auth = context_->auth_context();
  ASSERT_NE(auth, nullptr);
  EXPECT_FALSE(auth->IsPeerAuthenticated());
  std::string peer = context_->peer(), seen = reply_.report().peer();
  if (!IsSamehost(GetParam())) {
    EXPECT_EQ(seen.rfind(IsUnix(GetParam()) ? "unix:" : "ipv4:127.", 0), 0u) << seen;
    EXPECT_EQ(peer, IsUnix(GetParam()) ? server().target() : "ipv4:" + server().target());
    return;
  }
  // Each side names the other, as the kernel vouches for it.
  std::string uid = std::to_string(geteuid());
  EXPECT_EQ(peer, "samehost:uid=" + uid + ",pid=" + std::to_string(server().pid()));
  EXPECT_EQ(seen, "samehost:uid=" + uid + ",pid=" + std::to_string(getpid()));
#ifdef SAMEHOST_TESTS_WITH_SAMEHOST
  EXPECT_EQ(server_side[kTransportProperty], kTransportPropertyValue);
  EXPECT_EQ(server_side[kPeerUidProperty], uid);
  EXPECT_EQ(server_side[kPeerGidProperty], std::to_string(getegid()));
  EXPECT_EQ(server_side[kPeerPidProperty], std::to_string(getpid()));
  EXPECT_EQ(ToString(auth->FindPropertyValues(kPeerPidProperty).at(0)),
            std::to_string(server().pid()));
#endif
}

TEST_P(MetadataTest, StatusMessageAndDetails) {
  StartServer();
  auto stub = Stub();
  const std::string messages[] = {"",
                                  "plain",
                                  "Gr\xc3\xbc\xc3\x9f"
                                  "e \xe2\x9c\x93 \xf0\x9f\x98\x80",
                                  "tab\tline\r\nend",
                                  "100% %41 %zz",
                                  std::string(3000, 'm'),
                                  "\xff\xfe not utf-8 \x01"};
  for (const std::string& message : messages) {
    for (const std::string& details : {std::string(), AllBytes(), std::string(2000, '\0')}) {
      grpc::ClientContext context;
      Request request;
      request.mutable_script()->set_status_code(grpc::StatusCode::DATA_LOSS);
      request.mutable_script()->set_status_message(message);
      request.mutable_script()->set_status_details(details);
      grpc::Status status = stub->Unary(&context, request, &reply_);
      EXPECT_EQ(status.error_code(), grpc::StatusCode::DATA_LOSS);
      EXPECT_EQ(status.error_message(), message);
      EXPECT_EQ(status.error_details(), details);
    }
  }
}

TEST_P(MetadataTest, RichErrorModel) {
  StartServer();
  google::rpc::Status sent, got;
  sent.set_code(grpc::StatusCode::INVALID_ARGUMENT);
  sent.set_message("field \xc3\xa4");
  sent.add_details()->set_type_url("type.example/Detail");
  grpc::ClientContext context;
  Request request;
  request.mutable_script()->set_status_code(sent.code());
  request.mutable_script()->set_status_message(sent.message());
  request.mutable_script()->set_status_details(sent.SerializeAsString());
  grpc::Status status = Stub()->Unary(&context, request, &reply_);
  ASSERT_TRUE(grpc::ExtractErrorDetails(status, &got).ok());
  EXPECT_EQ(got.SerializeAsString(), sent.SerializeAsString());
  EXPECT_EQ(status.error_message(), sent.message());
}

INSTANTIATE_TEST_SUITE_P(Over, MetadataTest, AllTransports(), ParamName);

}  // namespace
}  // namespace samehost::testing
