// The behaviour service by each of gRPC's server APIs. Sync follows the whole script; the others
// follow what makes sense with them (echo, replies, status, hold on their own threads, exit).
// Created before the server, registered at its builder, started after BuildAndStart; alive until
// the server is gone.
#ifndef SAMEHOST_PLUGIN_TESTS_SERVER_SERVICES_H_
#define SAMEHOST_PLUGIN_TESTS_SERVER_SERVICES_H_

#include <grpcpp/server_builder.h>

#include <memory>
#include <string>

#include "plugin/tests/server/service_state.h"

namespace samehost::testing {

class ApiService {
 public:
  virtual ~ApiService() = default;
  virtual void Register(grpc::ServerBuilder* builder) = 0;
  virtual void Start() {}
  // After Server::Shutdown: ends what Start began.
  virtual void Stop() {}
};

std::unique_ptr<ApiService> MakeSyncService(ServiceState* state);
std::unique_ptr<ApiService> MakeAsyncService(ServiceState* state);
std::unique_ptr<ApiService> MakeCallbackService(ServiceState* state);
// Echo of raw bytes by method name; scripts are not looked at.
std::unique_ptr<ApiService> MakeGenericService(ServiceState* state);
std::unique_ptr<ApiService> MakeGenericCallbackService(ServiceState* state);

// By the name of an Api; null for an unknown one.
std::unique_ptr<ApiService> MakeService(const std::string& api, ServiceState* state);

}  // namespace samehost::testing

#endif  // SAMEHOST_PLUGIN_TESTS_SERVER_SERVICES_H_
