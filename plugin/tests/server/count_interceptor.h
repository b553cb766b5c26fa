// A server interceptor that counts the messages it sees, through gRPC's public interface.
#ifndef SAMEHOST_PLUGIN_TESTS_SERVER_COUNT_INTERCEPTOR_H_
#define SAMEHOST_PLUGIN_TESTS_SERVER_COUNT_INTERCEPTOR_H_

#include <grpcpp/server_builder.h>
#include <grpcpp/support/server_interceptor.h>

#include <memory>
#include <utility>
#include <vector>

#include "plugin/tests/server/service_state.h"

namespace samehost::testing {

class CountInterceptor final : public grpc::experimental::Interceptor {
 public:
  explicit CountInterceptor(ServiceState* state) : state_(state) {}
  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    using Point = grpc::experimental::InterceptionHookPoints;
    for (Point point : {Point::POST_RECV_MESSAGE, Point::PRE_SEND_MESSAGE}) {
      if (methods->QueryInterceptionHookPoint(point)) ++state_->intercepted;
    }
    methods->Proceed();
  }

 private:
  ServiceState* state_;
};

class CountInterceptorFactory final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  explicit CountInterceptorFactory(ServiceState* state) : state_(state) {}
  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo*) override {
    return new CountInterceptor(state_);
  }

 private:
  ServiceState* state_;
};

inline void AddCountInterceptor(grpc::ServerBuilder* builder, ServiceState* state) {
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> factories;
  factories.push_back(std::make_unique<CountInterceptorFactory>(state));
  builder->experimental().SetInterceptorCreators(std::move(factories));
}

}  // namespace samehost::testing

#endif  // SAMEHOST_PLUGIN_TESTS_SERVER_COUNT_INTERCEPTOR_H_
