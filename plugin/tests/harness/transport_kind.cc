#include "plugin/tests/harness/transport_kind.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <vector>

namespace samehost::testing {
namespace {

// Made by the process that runs the tests; forked children must not remove it.
struct Directory {
  Directory() {
    const char* base = getenv("TMPDIR");
    path = std::string(base != nullptr ? base : "/tmp") + "/samehost-test-XXXXXX";
    if (mkdtemp(path.data()) == nullptr) abort();
    // Servers of other users look in here too (fallback_test).
    std::filesystem::permissions(path, static_cast<std::filesystem::perms>(0755));
    std::filesystem::create_directory(path + "/rendezvous");
    setenv("SAMEHOST_DIR", (path + "/rendezvous").c_str(), 1);
  }
  ~Directory() {
    std::error_code ignored;
    if (getpid() == owner) std::filesystem::remove_all(path, ignored);
  }
  std::string path;
  pid_t owner = getpid();
};

// Before main, and so before anything can look for SAMEHOST_DIR.
[[maybe_unused]] const std::string& made_early = ProcessDirectory();

}  // namespace

const char* Name(TransportKind kind) {
  switch (kind) {
    case TransportKind::kStockUnix:
      return "StockUnix";
    case TransportKind::kStockTcp:
      return "StockTcp";
    case TransportKind::kSamehostUnix:
      return "SamehostUnix";
    case TransportKind::kSamehostTcp:
      return "SamehostTcp";
  }
  return "";
}

::testing::internal::ParamGenerator<TransportKind> AllTransports() {
  std::vector<TransportKind> kinds = {TransportKind::kStockUnix, TransportKind::kStockTcp};
#ifdef SAMEHOST_TESTS_WITH_SAMEHOST
  kinds.push_back(TransportKind::kSamehostUnix);
  kinds.push_back(TransportKind::kSamehostTcp);
#endif
  return ::testing::ValuesIn(kinds);
}

::testing::internal::ParamGenerator<TransportKind> SamehostTransports() {
  std::vector<TransportKind> kinds;
#ifdef SAMEHOST_TESTS_WITH_SAMEHOST
  kinds = {TransportKind::kSamehostUnix, TransportKind::kSamehostTcp};
#endif
  return ::testing::ValuesIn(kinds);
}

std::string ParamName(const ::testing::TestParamInfo<TransportKind>& info) {
  return Name(info.param);
}

Counters SamehostCounters() {
  Counters counters;
#ifdef SAMEHOST_TESTS_WITH_SAMEHOST
  LinkStats stats = Stats();
  counters = {{"links_opened", stats.links_opened},
              {"links_live", stats.links_live},
              {"fallbacks", stats.fallbacks},
              {"messages_sent", stats.messages_sent},
              {"messages_received", stats.messages_received},
              {"bytes_sent", stats.bytes_sent},
              {"bytes_received", stats.bytes_received},
              {"blocks_lent", stats.blocks_lent},
              {"memory_bytes", stats.memory_bytes}};
#endif
  return counters;
}

const std::string& ProcessDirectory() {
  static Directory directory;
  return directory.path;
}

std::string ProcessHost() {
  unsigned pid = static_cast<unsigned>(getpid());
  return "127." + std::to_string(1 + (pid >> 16) % 250) + "." + std::to_string(pid >> 8 & 255) +
         "." + std::to_string(pid & 255);
}

}  // namespace samehost::testing
