// A key and a self-signed certificate for "localhost", made when a test asks (never checked in).
#ifndef SAMEHOST_PLUGIN_GRPC_CERTIFICATE_FOR_TEST_H_
#define SAMEHOST_PLUGIN_GRPC_CERTIFICATE_FOR_TEST_H_

#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>

#include <memory>
#include <string>

namespace samehost::grpc_transport::testing {

struct Certificate {
  std::string key_pem;
  std::string certificate_pem;
};

// The same one for the whole process.
const Certificate& TestCertificate();

// SSL credentials with it. The client's name the server "localhost" through the channel argument
// that SslArguments() sets.
std::shared_ptr<grpc::ChannelCredentials> SslClient();
std::shared_ptr<grpc::ServerCredentials> SslServer();
grpc::ChannelArguments SslArguments();

}  // namespace samehost::grpc_transport::testing

#endif  // SAMEHOST_PLUGIN_GRPC_CERTIFICATE_FOR_TEST_H_
