#include "plugin/bench/menu/catalog.h"

#include <unistd.h>

#include "plugin/bench/helper_programs.h"
#include "plugin/bench/menu/build_facts.h"

namespace samehost::bench::menu {
namespace {

constexpr auto kSleeps = Waiting::kSleeps;
constexpr auto kSpins = Waiting::kSpins;
constexpr auto kSpinsThenSleeps = Waiting::kSpinsThenSleeps;

Mechanism Kernel(const char* name, const char* title, const char* family,
                 size_t max_message = SIZE_MAX) {
  return {.name = name, .title = title, .family = family, .max_message = max_message};
}

Mechanism Library(const char* name, const char* title, const char* family,
                  const char* missing = "") {
  return {.name = name, .title = title, .family = family, .missing = missing};
}

Mechanism InProcess(Mechanism mechanism) {
  mechanism.one_process = true;
  return mechanism;
}

Mechanism With(Waiting waiting, Mechanism mechanism) {
  mechanism.waiting = waiting;
  return mechanism;
}

Mechanism Rival(const char* name, const char* title, const char* family, const char* missing) {
  Mechanism mechanism = Library(name, title, family, missing);
  mechanism.program = Program::kRivals;
  return mechanism;
}

Mechanism DbusDaemon() {
  Mechanism mechanism =
      Library("dbus_daemon", "D-Bus through a private daemon", "D-Bus", kNoSystemd);
  const bool there = ::access("/usr/bin/dbus-daemon", X_OK) == 0;
  if (mechanism.missing.empty() && !there) mechanism.missing = "dbus-daemon is not installed";
  return mechanism;
}

Mechanism GrpcSamehost() {
  Mechanism mechanism = With(kSpinsThenSleeps, Library("grpc_samehost", "gRPC samehost", "gRPC"));
  mechanism.program = Program::kSamehost;
  return mechanism;
}

Mechanism ZmqSamehost() {
  Mechanism mechanism =
      With(kSpinsThenSleeps, Library("zmq_samehost", "ZeroMQ samehost", "ZeroMQ", kNoZmq));
  const std::string folder = FindSamehostZmq();
  mechanism.environment = {"LD_LIBRARY_PATH=" + folder};
  if (mechanism.missing.empty() && folder.empty()) {
    mechanism.missing = MissingSamehostZmq();
  }
  return mechanism;
}

}  // namespace

const char* Name(Waiting waiting) {
  switch (waiting) {
    case Waiting::kSleeps:
      return "sleeps";
    case Waiting::kSpins:
      return "spins";
    case Waiting::kSpinsThenSleeps:
      return "spins_then_sleeps";
  }
  return "?";
}

const char* FileName(Program program) {
  switch (program) {
    case Program::kStock:
      return kStockProgram;
    case Program::kSamehost:
      return "samehost-bench";
    case Program::kRivals:
      return kRivalsProgram;
  }
  return "?";
}

std::vector<Mechanism> Catalog() {
  return {
      With(kSpins,
           Kernel("shm_ring_spin", "shared memory, samehost's ring, spinning", "shared memory")),
      Kernel("shm_ring_doorbell", "shared memory, samehost's ring, doorbell", "shared memory"),
      Kernel("shm_condition", "shared memory, mutex and condition", "shared memory"),
      Kernel("shm_semaphore", "shared memory, POSIX semaphores", "shared memory"),
      Kernel("mapped_file", "memory-mapped file, futex", "shared memory"),
      Kernel("pipe", "anonymous pipe", "pipe"),
      Kernel("fifo", "named pipe (FIFO)", "pipe"),
      Kernel("unix_stream", "unix socket, stream", "socket"),
      Kernel("unix_seqpacket", "unix socket, seqpacket", "socket"),
      Kernel("unix_datagram", "unix socket, datagram", "socket"),
      Kernel("tcp", "TCP loopback", "socket"),
      Kernel("udp", "UDP loopback, with a window", "socket"),
      Kernel("posix_queue", "POSIX message queue", "message queue"),
      Kernel("sysv_queue", "System V message queue", "message queue"),
      Kernel("eventfd", "eventfd, a bare wake-up", "wake-up", 0),
      Kernel("signalfd", "signalfd, a bare wake-up", "wake-up", 8),
      Kernel("rt_signal", "real-time signal with its value", "wake-up", 8),
      Kernel("process_vm", "process_vm_readv, seqpacket notes", "copy"),
      Library("dbus_peer", "D-Bus, peer to peer", "D-Bus", kNoSystemd),
      DbusDaemon(),
      Library("grpc_unix", "gRPC stock, unix socket", "gRPC"),
      Library("grpc_tcp", "gRPC stock, TCP loopback", "gRPC"),
      InProcess(Library("grpc_inproc", "gRPC stock, in-process", "gRPC")),
      GrpcSamehost(),
      Library("zmq_ipc", "ZeroMQ stock, ipc", "ZeroMQ", kNoZmq),
      Library("zmq_tcp", "ZeroMQ stock, TCP loopback", "ZeroMQ", kNoZmq),
      InProcess(Library("zmq_inproc", "ZeroMQ stock, inproc", "ZeroMQ", kNoZmq)),
      ZmqSamehost(),
      Rival("nng_ipc", "nng, ipc", "nng", kNoNng),
      InProcess(Rival("nng_inproc", "nng, inproc", "nng", kNoNng)),
      Rival("boost_queue", "boost.interprocess message_queue", "shared memory", kNoBoost),
      With(kSpins, Rival("ucx", "UCX, shared memory, spinning", "shared memory", kNoUcx)),
      Rival("capnp", "Cap'n Proto RPC, unix socket", "Cap'n Proto", kNoCapnp),
  };
}

}  // namespace samehost::bench::menu
