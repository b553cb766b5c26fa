// The filters that gRPC installs only for transports whose name says HTTP, and that matter here as
// well: per-message compression. What its HTTP filters do otherwise (methods, schemes, status
// codes of HTTP, percent-encoding) has no meaning without HTTP; the user-agent is the transport's
// job.
#include <grpc/support/port_platform.h>
#include <string.h>

#include "src/core/ext/filters/http/message_compress/message_compress_filter.h"
#include "src/core/ext/filters/http/message_compress/message_decompress_filter.h"
#include "src/core/lib/channel/channel_stack_builder.h"
#include "src/core/lib/config/core_configuration.h"
#include "src/core/lib/surface/channel_init.h"
#include "src/core/lib/transport/transport_impl.h"

namespace samehost::grpc_transport {
namespace {

void InstallAtStage(grpc_core::CoreConfiguration::Builder* builder, grpc_channel_stack_type type,
                    const char* switch_arg, const grpc_channel_filter* filter) {
  builder->channel_init()->RegisterStage(
      type, GRPC_CHANNEL_INIT_BUILTIN_PRIORITY,
      [switch_arg, filter](grpc_core::ChannelStackBuilder* stack) {
        const ::grpc_transport* transport = stack->transport();
        if (transport == nullptr || strcmp(transport->vtable->name, "samehost") != 0) return true;
        const auto args = stack->channel_args();
        if (args.GetBool(switch_arg).value_or(!args.WantMinimalStack())) {
          stack->PrependFilter(filter);
        }
        return true;
      });
}

struct RegisterFilters {
  RegisterFilters() {
    grpc_core::CoreConfiguration::RegisterBuilder([](grpc_core::CoreConfiguration::Builder*
                                                         builder) {
      for (auto type : {GRPC_CLIENT_SUBCHANNEL, GRPC_CLIENT_DIRECT_CHANNEL, GRPC_SERVER_CHANNEL}) {
        InstallAtStage(builder, type, GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION,
                       &grpc_message_compress_filter);
        InstallAtStage(builder, type, GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION,
                       &grpc_core::MessageDecompressFilter);
      }
    });
  }
};
const RegisterFilters g_register_filters;

}  // namespace
}  // namespace samehost::grpc_transport
