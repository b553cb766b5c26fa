// The openers of the mechanisms, one file each. What a mechanism's name means: ../catalog.cc.
#ifndef SAMEHOST_PLUGIN_BENCH_MENU_ADAPTERS_ADAPTERS_H_
#define SAMEHOST_PLUGIN_BENCH_MENU_ADAPTERS_ADAPTERS_H_

#include "plugin/bench/menu/place.h"

namespace samehost::bench::menu {

using ChannelPtr = std::unique_ptr<Channel>;

ChannelPtr OpenRingSpin(const Place& place);
ChannelPtr OpenRingDoorbell(const Place& place);
ChannelPtr OpenShmCondition(const Place& place);
ChannelPtr OpenShmSemaphore(const Place& place);
ChannelPtr OpenMappedFile(const Place& place);
ChannelPtr OpenPipe(const Place& place);
ChannelPtr OpenFifo(const Place& place);
ChannelPtr OpenUnixStream(const Place& place);
ChannelPtr OpenUnixSeqpacket(const Place& place);
ChannelPtr OpenUnixDatagram(const Place& place);
ChannelPtr OpenTcp(const Place& place);
ChannelPtr OpenUdp(const Place& place);
ChannelPtr OpenPosixQueue(const Place& place);
ChannelPtr OpenSysvQueue(const Place& place);
ChannelPtr OpenEventFd(const Place& place);
ChannelPtr OpenSignalFd(const Place& place);
ChannelPtr OpenRealTimeSignal(const Place& place);
ChannelPtr OpenProcessVm(const Place& place);
ChannelPtr OpenDbusPeer(const Place& place);
ChannelPtr OpenDbusDaemon(const Place& place);
ChannelPtr OpenGrpcUnix(const Place& place);
ChannelPtr OpenGrpcTcp(const Place& place);
ChannelPtr OpenGrpcInProcess(const Place& place);
ChannelPtr OpenGrpcSamehost(const Place& place);
ChannelPtr OpenZmqTcp(const Place& place);
ChannelPtr OpenZmqIpc(const Place& place);
ChannelPtr OpenZmqInProcess(const Place& place);
ChannelPtr OpenZmqSamehost(const Place& place);
ChannelPtr OpenNngIpc(const Place& place);
ChannelPtr OpenNngInProcess(const Place& place);
ChannelPtr OpenBoostQueue(const Place& place);
ChannelPtr OpenUcx(const Place& place);
ChannelPtr OpenCapnp(const Place& place);

}  // namespace samehost::bench::menu

#endif  // SAMEHOST_PLUGIN_BENCH_MENU_ADAPTERS_ADAPTERS_H_
