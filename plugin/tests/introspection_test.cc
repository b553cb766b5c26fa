// What can be asked about a running channel or server: reflection, and channelz from both sides.
#include <google/protobuf/util/json_util.h>
#include <grpc/grpc.h>
#include <grpc/support/alloc.h>

#include "plugin/tests/harness/behaviour_fixture.h"
#include "src/proto/grpc/channelz/channelz.grpc.pb.h"
#include "src/proto/grpc/reflection/v1alpha/reflection.grpc.pb.h"

namespace samehost::testing {
namespace {

namespace channelz = grpc::channelz::v1;

class IntrospectionTest : public BehaviourTest {
 protected:
  static constexpr int kCalls = 7;

  void Run(Behaviour::Stub& stub) {
    for (int i = 0; i < kCalls; ++i) Ping(stub);
  }
  // The C functions answer the JSON form of the channelz service's messages.
  template <typename Message>
  static Message FromJson(char* json) {
    Message message;
    if (json == nullptr) return message;
    auto status = google::protobuf::util::JsonStringToMessage(json, &message);
    EXPECT_TRUE(status.ok()) << status.ToString() << "\n" << json;
    gpr_free(json);
    return message;
  }
};

TEST_P(IntrospectionTest, Reflection) {
  StartServer({"--reflection"});
  auto stub = grpc::reflection::v1alpha::ServerReflection::NewStub(Channel());
  grpc::ClientContext context;
  auto stream = stub->ServerReflectionInfo(&context);
  grpc::reflection::v1alpha::ServerReflectionRequest request;
  grpc::reflection::v1alpha::ServerReflectionResponse response;
  request.set_list_services("*");
  ASSERT_TRUE(stream->Write(request));
  ASSERT_TRUE(stream->Read(&response));
  bool found = false;
  for (const auto& service : response.list_services_response().service()) {
    found |= service.name() == "samehost.behaviour.Behaviour";
  }
  EXPECT_TRUE(found) << response.DebugString();
  request.set_file_containing_symbol("samehost.behaviour.Request");
  ASSERT_TRUE(stream->Write(request));
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.file_descriptor_response().file_descriptor_proto_size(), 1);
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
}

// channel -> subchannel -> socket, with the counts of the calls.
TEST_P(IntrospectionTest, ChannelzOfTheClient) {
  StartServer();
  auto channel = Channel();
  auto stub = Behaviour::NewStub(channel);
  Run(*stub);
  auto channels = FromJson<channelz::GetTopChannelsResponse>(grpc_channelz_get_top_channels(0));
  const channelz::Channel* mine = nullptr;
  for (const auto& candidate : channels.channel()) {
    if (candidate.data().target().find(server().target()) != std::string::npos) mine = &candidate;
  }
  ASSERT_NE(mine, nullptr) << channels.DebugString();
  EXPECT_EQ(mine->data().state().state(), channelz::ChannelConnectivityState::READY);
  EXPECT_EQ(mine->data().calls_succeeded(), kCalls);
  ASSERT_EQ(mine->subchannel_ref_size(), 1);
  auto subchannel = FromJson<channelz::GetSubchannelResponse>(
      grpc_channelz_get_subchannel(mine->subchannel_ref(0).subchannel_id()));
  EXPECT_EQ(subchannel.subchannel().data().calls_succeeded(), kCalls);
  ASSERT_EQ(subchannel.subchannel().socket_ref_size(), 1) << subchannel.DebugString();
  auto socket = FromJson<channelz::GetSocketResponse>(
      grpc_channelz_get_socket(subchannel.subchannel().socket_ref(0).socket_id()));
  EXPECT_EQ(socket.socket().data().streams_started(), kCalls) << socket.DebugString();
  EXPECT_EQ(socket.socket().data().streams_succeeded(), kCalls);
  EXPECT_EQ(socket.socket().data().streams_failed(), 0);
  EXPECT_EQ(socket.socket().data().messages_sent(), kCalls);
  EXPECT_EQ(socket.socket().data().messages_received(), kCalls);
}

TEST_P(IntrospectionTest, ChannelzOfTheServer) {
  StartServer({"--channelz", "--int_arg=" GRPC_ARG_ENABLE_CHANNELZ ":1"});
  auto channel = Channel();
  auto stub = Behaviour::NewStub(channel);
  Run(*stub);
  auto service = channelz::Channelz::NewStub(channel);
  channelz::GetServersResponse servers;
  grpc::ClientContext list;
  ASSERT_TRUE(service->GetServers(&list, channelz::GetServersRequest(), &servers).ok());
  ASSERT_EQ(servers.server_size(), 1);
  EXPECT_GE(servers.server(0).data().calls_started(), kCalls);
  EXPECT_GE(servers.server(0).listen_socket_size(), 1);
  channelz::GetServerSocketsRequest which;
  which.set_server_id(servers.server(0).ref().server_id());
  channelz::GetServerSocketsResponse sockets;
  grpc::ClientContext sockets_context;
  ASSERT_TRUE(service->GetServerSockets(&sockets_context, which, &sockets).ok());
  ASSERT_EQ(sockets.socket_ref_size(), 1) << "one connection\n" << sockets.DebugString();
  channelz::GetSocketRequest one;
  one.set_socket_id(sockets.socket_ref(0).socket_id());
  channelz::GetSocketResponse socket;
  grpc::ClientContext socket_context;
  ASSERT_TRUE(service->GetSocket(&socket_context, one, &socket).ok());
  EXPECT_GE(socket.socket().data().streams_started(), kCalls) << socket.DebugString();
  EXPECT_GE(socket.socket().data().messages_received(), kCalls);
  EXPECT_GE(socket.socket().data().messages_sent(), kCalls);
}

// A connection that has gone is no longer listed.
TEST_P(IntrospectionTest, ChannelzForgetsClosedConnections) {
  StartServer({"--channelz", "--int_arg=" GRPC_ARG_ENABLE_CHANNELZ ":1"});
  auto service = channelz::Channelz::NewStub(Channel());
  auto connections = [&] {
    channelz::GetServersResponse servers;
    grpc::ClientContext list, sockets_context;
    EXPECT_TRUE(service->GetServers(&list, channelz::GetServersRequest(), &servers).ok());
    channelz::GetServerSocketsRequest which;
    which.set_server_id(servers.server(0).ref().server_id());
    channelz::GetServerSocketsResponse sockets;
    EXPECT_TRUE(service->GetServerSockets(&sockets_context, which, &sockets).ok());
    return sockets.socket_ref_size();
  };
  EXPECT_EQ(connections(), 1);
  {
    auto second = Stub();
    Ping(*second);
    EXPECT_EQ(connections(), 2);
  }
  WAIT_UNTIL(connections() == 1);
}

INSTANTIATE_TEST_SUITE_P(Over, IntrospectionTest, AllTransports(), ParamName);

}  // namespace
}  // namespace samehost::testing
