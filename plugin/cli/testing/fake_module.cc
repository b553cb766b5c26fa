// The text by which a module with a copy of gRPC's core or of libzmq is told.
#include <cstddef>

extern "C" const char* FakeModuleText(size_t i) {
#ifdef FAKE_MODULE_OF_grpc
  static const char* const kTexts[] = {"grpc.internal.security_connector"};
#else
  static const char* const kTexts[] = {"The protocol is not compatible with the socket type",
                                       "Context was terminated"};
#endif
  return i < sizeof(kTexts) / sizeof(kTexts[0]) ? kTexts[i] : nullptr;
}
