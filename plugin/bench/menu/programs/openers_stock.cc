// Ends that samehost-bench-stock can hold: all but samehost's gRPC and the rivals.
#include "plugin/bench/menu/adapters/adapters.h"
#include "plugin/bench/menu/programs/opener_table.h"

namespace samehost::bench::menu {

Opener FindOpener(const std::string& mechanism) {
  static const OpenerTable kTable = {
      {"shm_ring_spin", OpenRingSpin},
      {"shm_ring_doorbell", OpenRingDoorbell},
      {"shm_condition", OpenShmCondition},
      {"shm_semaphore", OpenShmSemaphore},
      {"mapped_file", OpenMappedFile},
      {"pipe", OpenPipe},
      {"fifo", OpenFifo},
      {"unix_stream", OpenUnixStream},
      {"unix_seqpacket", OpenUnixSeqpacket},
      {"unix_datagram", OpenUnixDatagram},
      {"tcp", OpenTcp},
      {"udp", OpenUdp},
      {"posix_queue", OpenPosixQueue},
      {"sysv_queue", OpenSysvQueue},
      {"eventfd", OpenEventFd},
      {"signalfd", OpenSignalFd},
      {"rt_signal", OpenRealTimeSignal},
      {"process_vm", OpenProcessVm},
      {"grpc_unix", OpenGrpcUnix},
      {"grpc_tcp", OpenGrpcTcp},
      {"grpc_inproc", OpenGrpcInProcess},
#ifdef SAMEHOST_MENU_SYSTEMD
      {"dbus_peer", OpenDbusPeer},
      {"dbus_daemon", OpenDbusDaemon},
#endif
#ifdef SAMEHOST_MENU_ZMQ
      {"zmq_ipc", OpenZmqIpc},
      {"zmq_tcp", OpenZmqTcp},
      {"zmq_inproc", OpenZmqInProcess},
      {"zmq_samehost", OpenZmqSamehost},
#endif
  };
  return Find(kTable, mechanism);
}

}  // namespace samehost::bench::menu
