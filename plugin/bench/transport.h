// The ways on which the same calls are made. "Stock" is gRPC as the distribution ships it.
#ifndef SAMEHOST_PLUGIN_BENCH_TRANSPORT_H_
#define SAMEHOST_PLUGIN_BENCH_TRANSPORT_H_

#include <array>

namespace samehost::bench {

enum class Transport {
  kStockUnix,  // two processes, unix:/path
  kStockTcp,   // two processes, 127.0.0.1:port
  kInProcess,  // one process, Server::InProcessChannel
  kSamehost,   // two processes, 127.0.0.1:port with samehost's credentials
};

inline constexpr std::array<Transport, 4> kAllTransports = {
    Transport::kStockUnix, Transport::kStockTcp, Transport::kInProcess, Transport::kSamehost};

// Stable names, used in JSON and between the processes.
constexpr const char* Name(Transport transport) {
  switch (transport) {
    case Transport::kStockUnix:
      return "stock_unix";
    case Transport::kStockTcp:
      return "stock_tcp";
    case Transport::kInProcess:
      return "in_process";
    case Transport::kSamehost:
      return "samehost";
  }
  return "?";
}

}  // namespace samehost::bench

#endif  // SAMEHOST_PLUGIN_BENCH_TRANSPORT_H_
