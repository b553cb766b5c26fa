// Calls the fake gRPC that it is linked to, then waits for the end of stdin.
#include <cstdio>

extern "C" {
void grpc_init();
void* grpc_channel_create(const char* target, void* credentials, const void* arguments);
int grpc_server_add_http2_port(void* server, const char* address, void* credentials);
}

int main() {
  int credentials = 0;
  grpc_init();
  grpc_channel_create("target", &credentials, nullptr);
  std::printf("answer %d\n", grpc_server_add_http2_port(nullptr, "address", &credentials));
  std::puts("done");
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
}
