// OwnCopy: whether a program, a library or a module has a copy of gRPC's C core or of libzmq as a
// part of itself: a wheel's cygrpc.so, a Node addon, a program that was linked statically. Such a
// copy calls nobody that could be stood in front of, so samehost cannot serve it.
//
// Told by text that only these libraries contain and that every build of them does, stripped or
// not. Tried on: Debian's libgrpc, libgrpc_unsecure, libzmq and python3-grpcio; the wheels of
// grpcio (1.51, 1.85) and pyzmq (27.3); npm's zeromq (5, 6). Libraries that only call them, such as
// libgrpc++, Ruby's grpc_c.so and pyzmq's _zmq.so, do not contain it.
#ifndef SAMEHOST_PLUGIN_CLI_OWN_COPY_H_
#define SAMEHOST_PLUGIN_CLI_OWN_COPY_H_

namespace samehost::cli {

struct OwnCopy {
  bool grpc = false;
  bool zmq = false;
};

// Looks through the constants (at most 512 MiB) of the ELF file behind this descriptor, a megabyte
// at a time: about a second for each gigabyte. Nothing for a file that is no ELF file of this
// machine's.
OwnCopy FindOwnCopy(int fd);

}  // namespace samehost::cli

#endif  // SAMEHOST_PLUGIN_CLI_OWN_COPY_H_
