// A library that calls itself gRPC and is none: what `samehost run` must leave alone. It only says
// how it was called.
#include <cstdio>

extern "C" {

void grpc_init() { std::puts("init"); }
const char* grpc_version_string() { return FAKE_GRPC_VERSION; }
void* grpc_channel_create(const char* target, void* credentials, const void* arguments) {
  std::printf("channel %s %p %p\n", target, credentials, arguments);
  return nullptr;
}
int grpc_server_add_http2_port(void* server, const char* address, void* credentials) {
  std::printf("port %p %s %p\n", server, address, credentials);
  return 17;
}
}
