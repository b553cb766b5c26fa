// What the preload library calls (plugin/preload): upgrades credentials and ports of a program that
// knows nothing of samehost, at the level of gRPC's C surface. C linkage, for they are looked up by
// name; no C++ type crosses.
//
// Insecure and local credentials are upgraded; TLS only with SAMEHOST_REPLACE_TLS=1; anything else
// is left alone. SAMEHOST_WAIT=efficient|balanced|latency sets the wait strategy, and
// SAMEHOST_ALLOW_USERS and SAMEHOST_ALLOW_GROUPS whom it accepts. Any thread, after grpc_init.
// Failure: "leave it alone", recorded in the decision log.
#ifndef SAMEHOST_PLUGIN_GRPC_UPGRADE_H_
#define SAMEHOST_PLUGIN_GRPC_UPGRADE_H_

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>

extern "C" {

// Credentials to make the channel with, to be given to samehost_grpc_release_channel() afterwards;
// null: use `credentials` as they are.
grpc_channel_credentials* samehost_grpc_upgrade_channel(grpc_channel_credentials* credentials,
                                                        const char* target);
void samehost_grpc_release_channel(grpc_channel_credentials* upgraded);

// Not 0: the port was added, or could not be; `*port` is what grpc_server_add_http2_port answers.
// 0: nothing was done.
int samehost_grpc_upgrade_port(grpc_server* server, const char* address,
                               grpc_server_credentials* credentials, int* port);
}

#endif  // SAMEHOST_PLUGIN_GRPC_UPGRADE_H_
