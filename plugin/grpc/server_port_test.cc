// A port whose text resolves to several addresses: each is announced if, and only if, it was bound.
#include "plugin/grpc/server_port.h"

#include <gtest/gtest.h>
#include <samehost/grpc.h>
#include <stdlib.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "plugin/grpc/echo_for_test.h"
#include "src/core/lib/iomgr/exec_ctx.h"
#include "src/core/lib/iomgr/resolve_address.h"

namespace samehost::grpc_transport::testing {
namespace {

// gRPC's resolver, but for one name that has two addresses of this machine.
class TwoAddresses final : public grpc_core::DNSResolver {
 public:
  using Addresses = absl::StatusOr<std::vector<grpc_resolved_address>>;
  explicit TwoAddresses(std::shared_ptr<grpc_core::DNSResolver> real) : real_(std::move(real)) {}

  Addresses LookupHostnameBlocking(absl::string_view name, absl::string_view port) override {
    const std::string text(name);
    if (text.rfind("two.test:", 0) != 0) return real_->LookupHostnameBlocking(name, port);
    const std::string number = text.substr(text.rfind(':'));
    Addresses both = real_->LookupHostnameBlocking("127.0.0.1" + number, port);
    Addresses second = real_->LookupHostnameBlocking("127.0.0.2" + number, port);
    both->push_back(second->front());
    return both;
  }
  TaskHandle LookupHostname(std::function<void(Addresses)> done, absl::string_view name,
                            absl::string_view port, grpc_core::Duration timeout,
                            grpc_pollset_set* parties, absl::string_view server) override {
    return real_->LookupHostname(std::move(done), name, port, timeout, parties, server);
  }
  TaskHandle LookupSRV(std::function<void(Addresses)> done, absl::string_view name,
                       grpc_core::Duration timeout, grpc_pollset_set* parties,
                       absl::string_view server) override {
    return real_->LookupSRV(std::move(done), name, timeout, parties, server);
  }
  TaskHandle LookupTXT(std::function<void(absl::StatusOr<std::string>)> done,
                       absl::string_view name, grpc_core::Duration timeout,
                       grpc_pollset_set* parties, absl::string_view server) override {
    return real_->LookupTXT(std::move(done), name, timeout, parties, server);
  }
  bool Cancel(TaskHandle handle) override { return real_->Cancel(handle); }

 private:
  const std::shared_ptr<grpc_core::DNSResolver> real_;
};

class ServerPortTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/samehost-port-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    directory_ = name;
    options_.directory = directory_;
    grpc_init();
    grpc_core::ExecCtx exec_ctx;
    real_ = grpc_core::GetDNSResolver();
    grpc_core::ResetDNSResolver(std::make_shared<TwoAddresses>(real_));
  }
  void TearDown() override {
    {
      grpc_core::ExecCtx exec_ctx;
      grpc_core::ResetDNSResolver(std::move(real_));
    }
    grpc_shutdown();
    (void)!system(("rm -rf " + directory_).c_str());
  }

  bool Shared(const std::string& target) {
    const auto channel = grpc::CreateCustomChannel(target, ::samehost::ChannelCredentials(options_),
                                                   OwnSubchannels());
    const EchoResult result = Echo(channel, "x");
    EXPECT_TRUE(result.status.ok()) << result.status.error_message();
    return result.auth_properties.count(kTransportProperty) > 0;
  }

  static void NoReuse(grpc::ServerBuilder* builder) {
    builder->AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  }

  std::string directory_;
  Options options_;
  std::shared_ptr<grpc_core::DNSResolver> real_;
};

TEST_F(ServerPortTest, OnePortForAllAddresses) {
  EchoServer server("two.test:0", ::samehost::ServerCredentials(options_));
  ASSERT_TRUE(server.running());
  const std::string port = ":" + std::to_string(server.port());
  EXPECT_TRUE(Shared("127.0.0.1" + port)) << DetailFor("127.0.0.1" + port);
  EXPECT_TRUE(Shared("127.0.0.2" + port)) << DetailFor("127.0.0.2" + port);
}

TEST_F(ServerPortTest, AnAddressThatSomebodyElseServesIsNotOffered) {
  EchoServer other("127.0.0.2:0", grpc::InsecureServerCredentials(), NoReuse);
  ASSERT_TRUE(other.running());
  const std::string port = ":" + std::to_string(other.port());
  EchoServer ours("two.test" + port, ::samehost::ServerCredentials(options_), NoReuse);
  ASSERT_TRUE(ours.running()) << "one of two addresses is enough, as ever";
  EXPECT_EQ(ours.port(), other.port());
  EXPECT_TRUE(Shared("127.0.0.1" + port)) << DetailFor("127.0.0.1" + port);
  EXPECT_FALSE(Shared("127.0.0.2" + port)) << "a wrong server";
}

}  // namespace
}  // namespace samehost::grpc_transport::testing
