#include "plugin/cli/status_text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace samehost::cli {
namespace {

using Row = std::vector<std::string>;

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
  if (side.state == 'T' || side.state == 't') out += " (stopped)";
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
          Amount(static_cast<double>(link.memory_bytes))};
}

void AddTable(const std::vector<Row>& rows, std::vector<std::string>* out) {
  std::vector<size_t> widths(rows.front().size(), 0);
  for (const Row& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const Row& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line += std::string(widths[i] - row[i].size() + 2, ' ');
    }
    out->push_back(line);
  }
}

std::string Subject(const Process& process, bool show_uid) {
  std::string out = std::to_string(process.pid) + " " + process.name;
  if (show_uid) out += " uid " + std::to_string(process.uid);
  return out;
}

void AddFallbacks(const Snapshot& snapshot, bool show_uid, std::vector<std::string>* out) {
  std::vector<Row> rows = {{"PROCESS", "SIDE", "ADDRESS", "REASON", "DETAIL"}};
  for (const ObservedDecision& decision : snapshot.decisions) {
    const auto& record = decision.record;
    // Nobody answered there, or the connection has ended: nothing that could go faster.
    if (record.reason == FallbackReason::kNone || decision.sockets == 0) continue;
    const bool listening = record.side == rendezvous::DecisionSide::kListening;
    rows.push_back({Subject(decision.process, show_uid), listening ? "server" : "client",
                    record.address, std::string(Name(record.reason)), record.detail});
  }
  if (rows.size() == 1) return;
  out->push_back("");
  out->push_back("On sockets (samehost explain ADDRESS says more):");
  AddTable(rows, out);
}

void AddListening(const Snapshot& snapshot, bool show_uid, std::vector<std::string>* out) {
  std::vector<Row> rows = {{"PROCESS", "PROTOCOL", "ADDRESS"}};
  for (const ObservedDecision& decision : snapshot.decisions) {
    const auto& record = decision.record;
    if (record.reason != FallbackReason::kNone ||
        record.side != rendezvous::DecisionSide::kListening) {
      continue;
    }
    rows.push_back({Subject(decision.process, show_uid), record.protocol, record.address});
  }
  if (rows.size() == 1) return;
  out->push_back("");
  out->push_back("Servers that offer shared memory:");
  AddTable(rows, out);
}

void AddLeftAlone(const Snapshot& snapshot, bool show_uid, std::vector<std::string>* out) {
  if (snapshot.left_alone.empty()) return;
  out->push_back("");
  out->push_back("Under samehost run, and left alone:");
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

std::vector<std::string> StatusText(const Snapshot& snapshot, const Rates& rates, bool show_uid) {
  std::vector<std::string> out;
  if (snapshot.links.empty()) {
    out.push_back("No connection through shared memory.");
  } else {
    std::vector<Row> rows = {{"PROTO", "ADDRESS", "CLIENT", "SERVER", "AGE", "MESSAGES", "/S",
                              "BYTES", "/S", "BELLS/MSG", "FILL", "FULL", "MEMORY"}};
    for (const ObservedLink& link : snapshot.links) {
      const auto found = rates.find(link.id);
      rows.push_back(OfLink(link, found != rates.end() ? found->second : LinkRates(),
                            snapshot.unix_nanos, show_uid));
    }
    AddTable(rows, &out);
  }
  AddListening(snapshot, show_uid, &out);
  AddFallbacks(snapshot, show_uid, &out);
  AddLeftAlone(snapshot, show_uid, &out);
  AddOutdated(snapshot, &out);
  if (snapshot.other_versions > 0) {
    out.push_back("");
    out.push_back("Not shown: " + std::to_string(snapshot.other_versions) +
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
