#include "plugin/cli/metrics.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <functional>
#include <map>

#include "plugin/base/unique_fd.h"
#include "plugin/cli/exit_code.h"

namespace samehost::cli {
namespace {

std::string Escaped(const std::string& value) {
  std::string out;
  for (const char c : value) {
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
  return out;
}

std::string Label(const char* name, const std::string& value) {
  return std::string(name) + "=\"" + Escaped(value) + "\"";
}

std::string LabelsOf(const ObservedLink& link) {
  return Label("link", std::to_string(link.id.device) + "-" + std::to_string(link.id.inode)) + "," +
         Label("protocol", link.protocol()) + "," + Label("address", link.address()) + "," +
         Label("client", link.client().name) + "," +
         Label("client_pid", std::to_string(link.client().pid)) + "," +
         Label("server", link.server().name) + "," +
         Label("server_pid", std::to_string(link.server().pid));
}

class Writer {
 public:
  void Family(const char* name, const char* type, const char* help) {
    name_ = name;
    out_ += "# HELP " + name_ + " " + help + "\n# TYPE " + name_ + " " + type + "\n";
  }
  void Sample(const std::string& labels, uint64_t value) {
    out_ += name_ + (labels.empty() ? "" : "{" + labels + "}") + " " + std::to_string(value) + "\n";
  }
  std::string Take() { return std::move(out_); }

 private:
  std::string name_;
  std::string out_;
};

// A family with one sample for each link and side.
struct SideFamily {
  const char* name;
  const char* type;
  const char* help;
  uint64_t (*value)(const ObservedSide& side);
};

constexpr SideFamily kSideFamilies[] = {
    {"samehost_link_messages_sent_total", "counter", "Messages sent by this side.",
     [](const ObservedSide& s) { return s.counters.messages_sent; }},
    {"samehost_link_messages_received_total", "counter", "Messages received by this side.",
     [](const ObservedSide& s) { return s.counters.messages_received; }},
    {"samehost_link_bytes_sent_total", "counter", "Bytes of messages sent by this side.",
     [](const ObservedSide& s) { return s.counters.bytes_sent; }},
    {"samehost_link_bytes_received_total", "counter", "Bytes of messages received by this side.",
     [](const ObservedSide& s) { return s.counters.bytes_received; }},
    {"samehost_link_records_sent_total", "counter", "Records that this side put into its ring.",
     [](const ObservedSide& s) { return s.counters.records_sent; }},
    {"samehost_link_doorbells_rung_total", "counter", "Times that this side woke the other.",
     [](const ObservedSide& s) { return s.counters.doorbells_rung; }},
    {"samehost_link_doorbells_deferred_total", "counter",
     "Doorbells rung only once a busy peer had not come back.",
     [](const ObservedSide& s) { return s.counters.doorbells_deferred; }},
    {"samehost_link_sleeps_total", "counter", "Times that this side went to sleep.",
     [](const ObservedSide& s) { return s.counters.sleeps; }},
    {"samehost_link_spins_succeeded_total", "counter",
     "Times that this side spun and found something.",
     [](const ObservedSide& s) { return s.counters.spins_succeeded; }},
    {"samehost_link_spins_failed_total", "counter", "Times that this side spun in vain.",
     [](const ObservedSide& s) { return s.counters.spins_failed; }},
    {"samehost_link_ring_full_total", "counter", "Times that this side found its ring full.",
     [](const ObservedSide& s) { return s.counters.ring_full; }},
    {"samehost_link_blocks_lent_total", "counter",
     "Blocks of large messages that were read where they were written.",
     [](const ObservedSide& s) { return s.counters.blocks_lent; }},
    {"samehost_link_ring_bytes", "gauge", "Size of the ring that this side sends into.",
     [](const ObservedSide& s) { return s.ring_bytes; }},
    {"samehost_link_ring_used_bytes", "gauge", "Bytes in that ring not yet released by the reader.",
     [](const ObservedSide& s) { return s.ring_used; }},
};

void AddLinks(const Snapshot& snapshot, Writer* out) {
  out->Family("samehost_links", "gauge", "Connections through shared memory now.");
  out->Sample("", snapshot.links.size());
  out->Family("samehost_link_memory_bytes", "gauge", "Shared memory that the link takes.");
  for (const ObservedLink& link : snapshot.links) out->Sample(LabelsOf(link), link.memory_bytes);
  for (const SideFamily& family : kSideFamilies) {
    out->Family(family.name, family.type, family.help);
    for (const ObservedLink& link : snapshot.links) {
      const std::string labels = LabelsOf(link);
      out->Sample(labels + "," + Label("side", "client"), family.value(link.client()));
      out->Sample(labels + "," + Label("side", "server"), family.value(link.server()));
    }
  }
}

void AddFallbacks(const Snapshot& snapshot, Writer* out) {
  out->Family("samehost_fallback_addresses", "gauge",
              "Addresses that processes use over a socket, by reason.");
  std::map<std::string, uint64_t> reasons;
  for (const ObservedDecision& decision : snapshot.decisions) {
    const auto& record = decision.record;
    if (record.reason == FallbackReason::kNone || decision.sockets == 0) continue;
    const bool listening = record.side == rendezvous::DecisionSide::kListening;
    ++reasons[Label("reason", std::string(Name(record.reason))) + "," +
              Label("protocol", record.protocol) + "," +
              Label("side", listening ? "server" : "client")];
  }
  for (const auto& [labels, count] : reasons) out->Sample(labels, count);
}

int Fail(const std::string& what) {
  std::fprintf(stderr, "samehost: %s: %s\n", what.c_str(), std::strerror(errno));
  return kFailed;
}

}  // namespace

std::string MetricsText(const Snapshot& snapshot) {
  Writer out;
  AddLinks(snapshot, &out);
  AddFallbacks(snapshot, &out);
  out.Family("samehost_unsupported_processes", "gauge",
             "Programs under samehost run with a library that cannot be served.");
  out.Sample("", snapshot.left_alone.size());
  return out.Take();
}

int Metrics(const std::string& file) {
  const std::string text = MetricsText(TakeSnapshot());
  if (file.empty()) {
    std::fputs(text.c_str(), stdout);
    return std::fflush(stdout) == 0 ? kOk : Fail("write");
  }
  std::string unfinished = file + ".XXXXXX";
  const UniqueFd fd(mkostemp(unfinished.data(), O_CLOEXEC));
  if (!fd.valid()) return Fail(unfinished);
  const bool written =
      write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (!written || fchmod(fd.get(), 0644) != 0 || rename(unfinished.c_str(), file.c_str()) != 0) {
    const int code = Fail(file);
    unlink(unfinished.c_str());
    return code;
  }
  return kOk;
}

}  // namespace samehost::cli
