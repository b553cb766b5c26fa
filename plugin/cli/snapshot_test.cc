// Reading links from outside, and what is made of them: tables, JSON, metrics, rates.
#include "plugin/cli/snapshot.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>

#include "plugin/base/mapping.h"
#include "plugin/base/unique_fd.h"
#include "plugin/cli/metrics.h"
#include "plugin/cli/rates.h"
#include "plugin/cli/status_json.h"
#include "plugin/cli/status_text.h"
#include "plugin/shm/segment.h"

namespace samehost::cli {
namespace {

// The memory of a link, as a process might have written it.
class FakeMemory {
 public:
  FakeMemory() : header_(shm::MakeHeader({32768, 32768}, 65536)) {
    bytes_.resize(header_.segment_bytes);
    Put(0, header_);
  }
  template <typename T>
  void Put(uint64_t offset, const T& value) {
    std::memcpy(bytes_.data() + offset, &value, sizeof(value));
  }
  void PutWord(uint64_t offset, uint64_t value) { Put(offset, value); }
  uint64_t Counters(size_t side) const { return header_.counters_offset[side]; }
  uint64_t Control(size_t side) const { return header_.control_offset[side]; }
  // A side that has begun: version, bytes, started, side, pid.
  void Start(size_t side, uint32_t pid, uint64_t started) {
    Put(Counters(side), shm::kCountersVersion);
    Put(Counters(side) + 4, uint32_t{sizeof(shm::CountersPage)});
    Put(Counters(side) + 8, started);
    Put(Counters(side) + 20, pid);
    PutWord(Counters(side) + offsetof(shm::CountersPage, ring_bytes), 32768);
  }
  // The kernel has vouched for the other side.
  void KnowPeer(size_t side, uint32_t uid, uint32_t pid) {
    Put(Counters(side) + offsetof(shm::CountersPage, peer_uid), uid);
    Put(Counters(side) + offsetof(shm::CountersPage, peer_pid), pid);
  }
  const std::vector<char>& bytes() const { return bytes_; }
  Result<ObservedLink> Read() const {
    return ReadLink(
        [](const void* context, uint64_t offset, void* buffer, size_t bytes) {
          const auto& memory = *static_cast<const std::vector<char>*>(context);
          if (offset + bytes > memory.size()) return false;
          std::memcpy(buffer, memory.data() + offset, bytes);
          return true;
        },
        &bytes_);
  }

 private:
  const shm::SegmentHeader header_;
  std::vector<char> bytes_;
};

TEST(ReadLinkTest, BothSides) {
  FakeMemory memory;
  memory.Start(0, 11, 2000);
  memory.Start(1, 22, 1000);
  memory.Put(memory.Counters(0) + offsetof(shm::CountersPage, name), "127.0.0.1:1");
  memory.Put(memory.Counters(1) + offsetof(shm::CountersPage, name), "[::]:1");
  memory.Put(memory.Counters(1) + offsetof(shm::CountersPage, protocol), "grpc");
  memory.PutWord(memory.Counters(0) + offsetof(shm::CountersPage, messages_sent), 5);
  memory.PutWord(memory.Control(0) + offsetof(shm::DirectionControl, head), 9000);
  memory.PutWord(memory.Control(0) + offsetof(shm::DirectionControl, tail), 1000);
  const Result<ObservedLink> link = memory.Read();
  ASSERT_TRUE(link.ok());
  EXPECT_EQ(link->client().inner_pid, 11u);
  EXPECT_EQ(link->server().inner_pid, 22u);
  EXPECT_EQ(link->address(), "127.0.0.1:1");
  EXPECT_EQ(link->protocol(), "grpc");
  EXPECT_EQ(link->started_unix_nanos(), 1000u);
  EXPECT_EQ(link->client().counters.messages_sent, 5u);
  EXPECT_EQ(link->client().ring_used, 8000u);
  EXPECT_EQ(link->memory_bytes, 4 * PageBytes() + 65536);
}

TEST(ReadLinkTest, GrownRingsAndBlocksCount) {
  FakeMemory memory;
  memory.Start(0, 11, 1);
  memory.Start(1, 22, 1);
  memory.PutWord(memory.Counters(0) + offsetof(shm::CountersPage, ring_bytes), 65536);
  memory.PutWord(memory.Counters(1) + offsetof(shm::CountersPage, peer_block_bytes), 1000);
  EXPECT_EQ(memory.Read()->memory_bytes, 4 * PageBytes() + 65536 + 65536 + 1000);
}

TEST(ReadLinkTest, HostileWords) {
  FakeMemory memory;
  memory.Start(0, 11, 1);
  memory.Put(memory.Counters(0) + offsetof(shm::CountersPage, name), "\x1b[2Jevil\n");
  memory.PutWord(memory.Counters(0) + offsetof(shm::CountersPage, ring_bytes), ~uint64_t{0});
  memory.PutWord(memory.Control(0) + offsetof(shm::DirectionControl, head), 5);
  memory.PutWord(memory.Control(0) + offsetof(shm::DirectionControl, tail), ~uint64_t{0});
  const Result<ObservedLink> link = memory.Read();
  ASSERT_TRUE(link.ok());
  EXPECT_EQ(link->client().address, "?[2Jevil?");
  EXPECT_EQ(link->client().ring_used, 0u);
  EXPECT_EQ(link->memory_bytes, 4 * PageBytes() + 65536);
  EXPECT_FALSE(link->server().started);
}

TEST(ReadLinkTest, NotALink) {
  FakeMemory memory;
  memory.PutWord(0, 1);
  EXPECT_EQ(memory.Read().error().code, ErrorCode::kProtocol);
  FakeMemory other;
  other.Put(8, shm::kLayoutVersion + 1);
  EXPECT_EQ(other.Read().error().code, ErrorCode::kVersion);
}

// How many links this process shows to hold, when it holds one whose client nobody here can see.
size_t LinksWithUnseenClient(uint32_t peer_pid) {
  constexpr uint32_t kNobody = 0x7fffffff;
  FakeMemory memory;
  memory.Start(0, kNobody, 1);
  memory.Start(1, static_cast<uint32_t>(getpid()), 1);
  memory.KnowPeer(1, getuid(), peer_pid);
  UniqueFd file(memfd_create(shm::kLinkMemoryName, MFD_CLOEXEC));
  const auto& bytes = memory.bytes();
  EXPECT_EQ(write(file.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  size_t count = 0;
  for (const ObservedLink& link : TakeSnapshot().links) {
    if (link.server().pid != getpid()) continue;
    EXPECT_EQ(link.client().pid, 0);
    ++count;
  }
  return count;
}

TEST(SnapshotTest, PeerInAnotherPidNamespaceIsNotTakenForDead) {
  EXPECT_EQ(LinksWithUnseenClient(0), 1u);  // what the kernel says of a process not visible here
  EXPECT_EQ(LinksWithUnseenClient(0x7fffffff), 0u);  // visible once, and gone
}

ObservedLink MakeLink() {
  ObservedLink link;
  link.id = {1, 2};
  link.memory_bytes = 81920;
  for (size_t i = 0; i < 2; ++i) {
    ObservedSide& side = link.side[i];
    side.started = true;
    side.pid = static_cast<pid_t>(100 + i);
    side.inner_pid = 100 + static_cast<uint32_t>(i);
    side.uid = 1000;
    side.name = i == 0 ? "client\"x" : "server";
    side.state = i == 0 ? 'T' : 'S';
    side.protocol = "grpc";
    side.address = "127.0.0.1:1";
    side.started_unix_nanos = 1'000'000'000;
    side.ring_bytes = 1000;
    side.ring_used = 250;
    side.counters.messages_sent = 10;
    side.counters.bytes_sent = 2500;
    side.counters.doorbells_rung = 5;
  }
  return link;
}

Snapshot MakeSnapshot() {
  Snapshot snapshot;
  snapshot.unix_nanos = 91'000'000'000;
  snapshot.monotonic_nanos = 50'000'000'000;
  snapshot.links.push_back(MakeLink());
  Process process;
  process.pid = 7;
  process.name = "app";
  process.uid = 1000;
  snapshot.decisions.push_back({process,
                                {.side = rendezvous::DecisionSide::kConnecting,
                                 .reason = FallbackReason::kServerNotFound,
                                 .unix_nanos = 90'000'000'000,
                                 .times = 3,
                                 .protocol = "grpc",
                                 .address = "127.0.0.1:9",
                                 .detail = "no entry"},
                                1});
  snapshot.decisions.push_back({process,
                                {.side = rendezvous::DecisionSide::kListening,
                                 .protocol = "grpc",
                                 .address = "[::]:8",
                                 .detail = ""},
                                std::nullopt});
  snapshot.left_alone.push_back({process, "grpc", "another version"});
  snapshot.other_version_links = 3;
  return snapshot;
}

std::string Joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += line + "\n";
  return out;
}

TEST(StatusTextTest, Table) {
  const std::string text = Joined(StatusText(MakeSnapshot(), {}, true, 0));
  EXPECT_NE(text.find("100 client\"x uid 1000"), std::string::npos) << text;
  EXPECT_NE(text.find("client stopped"), std::string::npos);
  EXPECT_NE(text.find("1m"), std::string::npos);
  EXPECT_NE(text.find("0.50"), std::string::npos) << "doorbells for each message";
  EXPECT_NE(text.find("25%/25%"), std::string::npos);
  EXPECT_NE(text.find("server_not_found"), std::string::npos);
  EXPECT_NE(text.find("[::]:8"), std::string::npos);
  EXPECT_NE(text.find("another version"), std::string::npos);
  EXPECT_NE(text.find("3 connections of another version"), std::string::npos);
}

// A link as on a machine that has been up for long: its cells are as wide as they come.
Snapshot WideSnapshot() {
  Snapshot snapshot = MakeSnapshot();
  ObservedLink& link = snapshot.links[0];
  for (ObservedSide& side : link.side) {
    side.pid = 1234567;
    side.name = "a_process_name_";
    side.address = "unix:/run/user/1000/some/application/rpc.sock";
    side.counters.messages_sent = 999'000'000;
    side.counters.bytes_sent = 999'000'000'000;
    side.counters.ring_full = 999;
  }
  return snapshot;
}

std::string HeadingsAt(size_t width, const Rates& rates) {
  return StatusText(WideSnapshot(), rates, true, width).at(0);
}

TEST(StatusTextTest, FitsEveryWidthAndKeepsWhatMatters) {
  Rates rates;
  LinkRates& rate = rates[{1, 2}];
  for (size_t i = 0; i < 2; ++i) {
    rate.messages_per_second[i] = 999'000;
    rate.bytes_per_second[i] = 999'000'000;
    rate.ring_full_per_second[i] = 5;
  }
  for (size_t width = 200; width >= 60; --width) {
    const auto lines = StatusText(WideSnapshot(), rates, true, width);
    for (size_t i = 0; i < 2; ++i) EXPECT_LE(lines[i].size(), width) << lines[i];
    for (const char* heading : {"ADDRESS", "CLIENT", "SERVER", "MSG/S", "BYTES/S", "NOTE"}) {
      EXPECT_NE(lines[0].find(heading), std::string::npos) << width << ": " << lines[0];
    }
    const bool has_protocol = lines[0].rfind("PROTO", 0) == 0;
    EXPECT_TRUE(has_protocol || width < 80) << width << ": " << lines[0];
    EXPECT_NE(lines[1].find("999k/999k"), std::string::npos) << lines[1];
    EXPECT_NE(lines[1].find("999M/999M"), std::string::npos) << lines[1];
    EXPECT_NE(lines[1].find(".sock"), std::string::npos) << "the end tells more: " << lines[1];
    EXPECT_NE(lines[1].find("1234567"), std::string::npos) << lines[1];
  }
}

TEST(StatusTextTest, AWiderTerminalShowsMore) {
  size_t before = 0;
  for (size_t width = 60; width <= 250; ++width) {
    const std::string headings = HeadingsAt(width, {});
    std::istringstream words(headings);
    const std::vector<std::string> columns{std::istream_iterator<std::string>(words), {}};
    EXPECT_GE(columns.size(), before) << width << ": " << headings;
    before = columns.size();
  }
  EXPECT_EQ(HeadingsAt(250, {}), HeadingsAt(0, {}));
  for (const char* heading : {"AGE", "MESSAGES", "BYTES ", "FILL", "FULL", "MEMORY"}) {
    EXPECT_NE(HeadingsAt(250, {}).find(heading), std::string::npos) << heading;
  }
}

TEST(StatusTextTest, OtherTablesFitToo) {
  Snapshot snapshot = MakeSnapshot();
  snapshot.decisions[0].record.detail = std::string(300, 'x');
  for (size_t width = 60; width <= 200; ++width) {
    const std::string text = Joined(StatusText(snapshot, {}, false, width));
    EXPECT_NE(text.find("127.0.0.1:9"), std::string::npos) << text;
    EXPECT_NE(text.find("server_not_found"), std::string::npos) << text;
    EXPECT_EQ(text.find(std::string(width, 'x')), std::string::npos) << text;
  }
}

TEST(StatusTextTest, SaysWhoDoesNotKeepUp) {
  Rates rates;
  rates[{1, 2}].ring_full_per_second[0] = 1;
  const std::string text = Joined(StatusText(MakeSnapshot(), rates, false, 0));
  EXPECT_NE(text.find("server is slow"), std::string::npos) << text;
  EXPECT_EQ(text.find("client is slow"), std::string::npos) << text;
}

TEST(StatusTextTest, Numbers) {
  EXPECT_EQ(Amount(0), "0");
  EXPECT_EQ(Amount(999), "999");
  EXPECT_EQ(Amount(1000), "1k");
  EXPECT_EQ(Amount(1250), "1.2k");
  EXPECT_EQ(Amount(999'999), "1.0M");
  EXPECT_EQ(Amount(2.5e9), "2.5G");
  EXPECT_EQ(Age(59), "59s");
  EXPECT_EQ(Age(3599), "59m");
  EXPECT_EQ(Age(7300), "2h");
  EXPECT_EQ(Age(200'000), "2d");
}

TEST(StatusJsonTest, Fields) {
  Snapshot snapshot = MakeSnapshot();
  snapshot.switched_off = {"shared memory is switched off: /run/samehost/off"};
  const auto json = nlohmann::json::parse(StatusJson(snapshot, {}));
  EXPECT_EQ(json["links"][0]["age_seconds"], 90.0);
  EXPECT_EQ(json["links"][0]["client"]["stopped"], true);
  EXPECT_EQ(json["links"][0]["server"]["ring_used_bytes"], 250);
  EXPECT_EQ(json["fallbacks"][0]["reason"], "server_not_found");
  EXPECT_EQ(json["fallbacks"][0]["times"], 3);
  EXPECT_EQ(json["listening"][0]["address"], "[::]:8");
  EXPECT_EQ(json["unsupported"][0]["detail"], "another version");
  EXPECT_EQ(json["switched_off"][0], "shared memory is switched off: /run/samehost/off");
}

TEST(RatesTest, PerSecond) {
  const Snapshot before = MakeSnapshot();
  Snapshot after = MakeSnapshot();
  after.monotonic_nanos += 2'000'000'000;
  after.links[0].side[0].counters.messages_sent += 100;
  after.links[0].side[1].counters.bytes_sent = 0;  // backwards
  const Rates rates = RatesBetween(before, after);
  EXPECT_DOUBLE_EQ(rates.at({1, 2}).messages_per_second[0], 50);
  EXPECT_DOUBLE_EQ(rates.at({1, 2}).bytes_per_second[1], 0);
  // Another link by a number that was used before.
  after.links[0].side[0].started_unix_nanos = 5;
  EXPECT_TRUE(RatesBetween(before, after).empty());
}

TEST(MetricsTest, Text) {
  const std::string text = MetricsText(MakeSnapshot());
  EXPECT_NE(text.find("# TYPE samehost_link_messages_sent_total counter\n"), std::string::npos);
  EXPECT_NE(text.find("client=\"client\\\"x\""), std::string::npos) << text;
  EXPECT_NE(text.find("samehost_fallback_addresses{reason=\"server_not_found\",protocol=\"grpc\","
                      "side=\"client\"} 1\n"),
            std::string::npos);
  EXPECT_NE(text.find("samehost_links 1\n"), std::string::npos);
  EXPECT_EQ(text.back(), '\n');
}

std::string FileText(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// The counters of a side are called the same in JSON, metrics, documentation and samehost::Stats().
TEST(NamesTest, OneNameForOneCounter) {
  const auto json = nlohmann::json::parse(StatusJson(MakeSnapshot(), {}));
  const std::string metrics = MetricsText(MakeSnapshot());
  const std::string page = FileText(SAMEHOST_DOCS "/cli.md");
  const std::set<std::string> no_counters = {"pid", "uid", "pid_in_its_namespace"};
  std::set<std::string> counters;
  for (const auto& [name, value] : json["links"][0]["client"].items()) {
    if (!value.is_number() || no_counters.count(name) != 0) continue;
    counters.insert(name);
    const bool gauge = name.rfind("ring_", 0) == 0 && name.ends_with("_bytes");
    EXPECT_NE(metrics.find("samehost_link_" + name + (gauge ? "{" : "_total{")), std::string::npos)
        << name;
    EXPECT_NE(page.find("`" + name + "`"), std::string::npos) << name;
  }
  EXPECT_GE(counters.size(), 14u);
  const std::string header = FileText(SAMEHOST_PUBLIC_HEADER);
  const std::string fields = header.substr(header.find("struct LinkStats {"));
  const std::regex field("(\\w+) = 0");
  const std::set<std::string> of_process = {"links_opened", "links_live", "fallbacks",
                                            "memory_bytes"};
  size_t compared = 0;
  for (std::sregex_iterator at(fields.begin(), fields.end(), field), end; at != end; ++at) {
    const std::string name = (*at)[1];
    EXPECT_TRUE(counters.count(name) + of_process.count(name) == 1) << name;
    ++compared;
  }
  EXPECT_GE(compared, 14u);
}

TEST(ProcTest, ThisProcess) {
  const auto process = ReadProcess(getpid());
  ASSERT_TRUE(process.has_value());
  EXPECT_EQ(process->inner_pid, getpid());
  EXPECT_EQ(process->uid, geteuid());
  EXPECT_EQ(process->state, 'R');
  EXPECT_TRUE(IsAlive(getpid()));
  EXPECT_FALSE(ReadProcess(0x3fffffff).has_value());
  EXPECT_EQ(MemfdName("/memfd:samehost-link (deleted)"), "samehost-link");
  EXPECT_EQ(MemfdName("/tmp/samehost-link"), "");
  bool own_program = false;
  for (const MappedFile& file : ListMappedFiles(getpid())) {
    own_program = own_program || (file.path == ProgramOf(getpid()) && file.offset == 0);
  }
  EXPECT_TRUE(own_program);
}

}  // namespace
}  // namespace samehost::cli
