#include "plugin/cli/status_text.h"

#include <array>
#include <cmath>
#include <cstdio>
#include <utility>

#include "plugin/cli/table.h"

namespace samehost::cli {
namespace {

// What a reader looks for first stays on 80 columns: who talks with whom, how much, and what is
// wrong.
const std::vector<Column>& LinkColumns() {
  static const auto* columns = new std::vector<Column>{
      {.heading = "PROTO", .leave_out = 1},
      {.heading = "ADDRESS", .cut = Cut::kFront, .comfortable = 24, .least = 8},
      {.heading = "CLIENT", .cut = Cut::kEnd, .comfortable = 20, .least = 8},
      {.heading = "SERVER", .cut = Cut::kEnd, .comfortable = 20, .least = 8},
      {.heading = "AGE", .leave_out = 5},
      {.heading = "MESSAGES", .leave_out = 4},
      {.heading = "MSG/S"},
      {.heading = "BYTES", .leave_out = 6},
      {.heading = "BYTES/S"},
      {.heading = "DOORBELLS/MSG", .leave_out = 3},
      {.heading = "FILL", .leave_out = 7},
      {.heading = "FULL", .leave_out = 2},
      {.heading = "MEMORY", .leave_out = 8},
      {.heading = "NOTE", .cut = Cut::kEnd, .comfortable = 15, .least = 8}};
  return *columns;
}

const std::vector<Column>& FallbackColumns() {
  static const auto* columns = new std::vector<Column>{
      {.heading = "PROCESS", .cut = Cut::kEnd, .comfortable = 20, .least = 10},
      {.heading = "SIDE"},
      {.heading = "ADDRESS", .cut = Cut::kFront, .comfortable = 24, .least = 10},
      {.heading = "REASON"},
      {.heading = "DETAIL", .leave_out = 1, .cut = Cut::kEnd, .comfortable = 20, .least = 8}};
  return *columns;
}

const std::vector<Column>& ListeningColumns() {
  static const auto* columns = new std::vector<Column>{
      {.heading = "PROCESS", .cut = Cut::kEnd, .comfortable = 20, .least = 10},
      {.heading = "PROTOCOL"},
      {.heading = "ADDRESS", .cut = Cut::kFront, .comfortable = 24, .least = 10}};
  return *columns;
}

std::string Format(const char* format, double value) {
  char text[32];
  std::snprintf(text, sizeof(text), format, value);
  return text;
}

std::string Who(const ObservedSide& side, bool show_uid) {
  if (!side.started) return "(coming)";
  if (side.pid == 0) return std::to_string(side.inner_pid) + " (not visible)";
  std::string out = std::to_string(side.pid) + " " + side.name;
  if (show_uid) out += " uid " + std::to_string(side.uid);
  return out;
}

bool IsStopped(const ObservedSide& side) { return side.state == 'T' || side.state == 't'; }

// What may be wrong; empty when nothing is.
std::string NoteOn(const ObservedLink& link, const LinkRates& rates) {
  std::string out;
  const auto add = [&out](bool is_so, const char* text) {
    if (is_so) out += (out.empty() ? "" : ", ") + std::string(text);
  };
  add(IsStopped(link.client()), "client stopped");
  add(IsStopped(link.server()), "server stopped");
  // A sender found its ring full: the other side does not keep up.
  add(rates.ring_full_per_second[0] > 0, "server is slow");
  add(rates.ring_full_per_second[1] > 0, "client is slow");
  return out;
}

std::string DoorbellsPerMessage(const ObservedLink& link) {
  double bells = 0;
  double messages = 0;
  for (const ObservedSide& side : link.side) {
    bells += static_cast<double>(side.counters.doorbells_rung);
    messages += static_cast<double>(side.counters.messages_sent);
  }
  return messages > 0 ? Format("%.2f", bells / messages) : "-";
}

std::string Fill(const ObservedSide& side) {
  if (side.ring_bytes == 0) return "-";
  return Format("%.0f%%",
                100.0 * static_cast<double>(side.ring_used) / static_cast<double>(side.ring_bytes));
}

// Client to server before the slash, server to client behind it.
std::string Both(double there, double back) { return Amount(there) + "/" + Amount(back); }

Row OfLink(const ObservedLink& link, const LinkRates& rates, uint64_t now, bool show_uid) {
  const auto& c = link.client().counters;
  const auto& s = link.server().counters;
  const uint64_t started = link.started_unix_nanos();
  const double age = now > started ? static_cast<double>(now - started) * 1e-9 : 0;
  return {link.protocol().empty() ? "-" : link.protocol(),
          link.address().empty() ? "-" : link.address(),
          Who(link.client(), show_uid),
          Who(link.server(), show_uid),
          Age(age),
          Both(static_cast<double>(c.messages_sent), static_cast<double>(s.messages_sent)),
          Both(rates.messages_per_second[0], rates.messages_per_second[1]),
          Both(static_cast<double>(c.bytes_sent), static_cast<double>(s.bytes_sent)),
          Both(rates.bytes_per_second[0], rates.bytes_per_second[1]),
          DoorbellsPerMessage(link),
          Fill(link.client()) + "/" + Fill(link.server()),
          Both(static_cast<double>(c.ring_full), static_cast<double>(s.ring_full)),
          Amount(static_cast<double>(link.memory_bytes)),
          NoteOn(link, rates)};
}

void AddTable(const std::vector<Column>& columns, const std::vector<Row>& rows, size_t width,
              std::vector<std::string>* out) {
  for (std::string& line : LayOut(columns, rows, width)) out->push_back(std::move(line));
}

std::string Subject(const Process& process, bool show_uid) {
  std::string out = std::to_string(process.pid) + " " + process.name;
  if (show_uid) out += " uid " + std::to_string(process.uid);
  return out;
}

void AddFallbacks(const Snapshot& snapshot, bool show_uid, size_t width,
                  std::vector<std::string>* out) {
  std::vector<Row> rows;
  for (const ObservedDecision& decision : snapshot.decisions) {
    const auto& record = decision.record;
    // Nobody answered there, or the connection has ended: nothing that could go faster.
    if (record.reason == FallbackReason::kNone || decision.sockets == 0) continue;
    const bool listening = record.side == rendezvous::DecisionSide::kListening;
    rows.push_back({Subject(decision.process, show_uid), listening ? "server" : "client",
                    record.address, std::string(Name(record.reason)), record.detail});
  }
  if (rows.empty()) return;
  out->push_back("");
  out->push_back("On sockets (samehost explain ADDRESS says more):");
  AddTable(FallbackColumns(), rows, width, out);
}

void AddListening(const Snapshot& snapshot, bool show_uid, size_t width,
                  std::vector<std::string>* out) {
  std::vector<Row> rows;
  for (const ObservedDecision& decision : snapshot.decisions) {
    const auto& record = decision.record;
    if (record.reason != FallbackReason::kNone ||
        record.side != rendezvous::DecisionSide::kListening) {
      continue;
    }
    rows.push_back({Subject(decision.process, show_uid), record.protocol, record.address});
  }
  if (rows.empty()) return;
  out->push_back("");
  out->push_back("Servers that offer shared memory:");
  AddTable(ListeningColumns(), rows, width, out);
}

void AddLeftAlone(const Snapshot& snapshot, bool show_uid, std::vector<std::string>* out) {
  if (snapshot.left_alone.empty()) return;
  out->push_back("");
  out->push_back("Under samehost run, and not supported:");
  for (const LeftAlone& one : snapshot.left_alone) {
    out->push_back(Subject(one.process, show_uid) + " (" + one.protocol + "): " + one.why);
  }
}

void AddOutdated(const Snapshot& snapshot, std::vector<std::string>* out) {
  for (const BuiltFrom& library : snapshot.outdated) {
    out->push_back("");
    out->push_back("Warning: " + WhatIsMissing(library) + ". Update samehost, or build it again.");
  }
}

}  // namespace

std::string Amount(double value) {
  constexpr std::array<const char*, 6> kUnits = {"", "k", "M", "G", "T", "P"};
  size_t unit = 0;
  while (value >= 999.5 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  const bool whole = value >= 99.5 || value == std::floor(value);
  return Format(whole ? "%.0f" : "%.1f", value) + kUnits[unit];
}

std::string Age(double seconds) {
  if (seconds < 60) return Format("%.0fs", seconds);
  if (seconds < 3600) return Format("%.0fm", std::floor(seconds / 60));
  if (seconds < 86400) return Format("%.0fh", std::floor(seconds / 3600));
  return Format("%.0fd", std::floor(seconds / 86400));
}

std::vector<std::string> StatusText(const Snapshot& snapshot, const Rates& rates, bool show_uid,
                                    size_t width) {
  // What is switched off comes first: it is why there is nothing else.
  std::vector<std::string> out = snapshot.switched_off;
  if (snapshot.links.empty()) {
    out.push_back("No connection through shared memory.");
  } else {
    std::vector<Row> rows;
    for (const ObservedLink& link : snapshot.links) {
      const auto found = rates.find(link.id);
      rows.push_back(OfLink(link, found != rates.end() ? found->second : LinkRates(),
                            snapshot.unix_nanos, show_uid));
    }
    AddTable(LinkColumns(), rows, width, &out);
  }
  AddListening(snapshot, show_uid, width, &out);
  AddFallbacks(snapshot, show_uid, width, &out);
  AddLeftAlone(snapshot, show_uid, &out);
  AddOutdated(snapshot, &out);
  if (snapshot.other_version_links > 0) {
    out.push_back("");
    out.push_back("Not shown: " + std::to_string(snapshot.other_version_links) +
                  " connections of another version of samehost; use that version's command.");
  }
  if (snapshot.hidden_processes > 0) {
    out.push_back("");
    out.push_back("Not shown: what " + std::to_string(snapshot.hidden_processes) +
                  " processes of other users have among themselves (root sees all).");
  }
  return out;
}

}  // namespace samehost::cli
