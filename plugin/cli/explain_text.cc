#include "plugin/cli/explain_text.h"

#include <nlohmann/json.hpp>

namespace samehost::cli {
namespace {

using Json = nlohmann::ordered_json;

bool IsShared(const Explanation& explanation) {
  return explanation.reached && explanation.outcome.reason == FallbackReason::kNone;
}

std::string Verdict(const Explanation& explanation) {
  if (!explanation.reached) return "No connection at all: nobody listens there.";
  if (IsShared(explanation)) return "Shared memory would be used.";
  std::string out =
      "A socket would be used (" + std::string(Name(explanation.outcome.reason)) + ").";
  if (!explanation.outcome.detail.empty()) out += "\n  " + explanation.outcome.detail;
  return out;
}

// In a line, where there is more than one address.
std::string ShortVerdict(const AddressReport& report) {
  if (report.no_listener) return "nobody listens there";
  if (report.outcome.reason == FallbackReason::kNone) return "shared memory";
  return "a socket (" + std::string(Name(report.outcome.reason)) + ")";
}

std::string Remedy(const Explanation& explanation) {
  if (!explanation.reached) return "Start the server, or correct the address.";
  return IsShared(explanation)
             ? ""
             : std::string(Explain(explanation.outcome.reason, explanation.protocol));
}

}  // namespace

std::string ExplanationText(const Explanation& explanation) {
  std::string out = explanation.address + ", as a " +
                    (explanation.protocol == "zmq" ? "ZeroMQ" : "gRPC") + " client goes there:\n";
  for (const AddressReport& report : explanation.reports) {
    out += "\n" + report.address + "\n";
    for (const rendezvous::TraceStep& step : report.steps) {
      out += std::string(step.ok ? "  ok  " : "  NO  ") + step.what + ": " + step.detail + "\n";
    }
    if (explanation.reports.size() > 1) out += "  ->  " + ShortVerdict(report) + "\n";
  }
  out += "\n" + Verdict(explanation) + "\n";
  if (const std::string remedy = Remedy(explanation); !remedy.empty()) out += "  " + remedy + "\n";
  for (const std::string& note : explanation.notes) out += "\nNote: " + note + "\n";
  return out;
}

std::string ExplanationJson(const Explanation& explanation) {
  Json out;
  out["address"] = explanation.address;
  out["protocol"] = explanation.protocol;
  out["shared_memory"] = IsShared(explanation);
  out["reached"] = explanation.reached;
  out["reason"] = Name(explanation.outcome.reason);
  out["detail"] = explanation.outcome.detail;
  out["remedy"] = Remedy(explanation);
  out["addresses"] = Json::array();
  for (const AddressReport& report : explanation.reports) {
    Json one;
    one["address"] = report.address;
    one["no_listener"] = report.no_listener;
    one["reason"] = Name(report.outcome.reason);
    one["shared_memory"] = !report.no_listener && report.outcome.reason == FallbackReason::kNone;
    one["steps"] = Json::array();
    for (const rendezvous::TraceStep& step : report.steps) {
      one["steps"].push_back({{"ok", step.ok}, {"what", step.what}, {"detail", step.detail}});
    }
    out["addresses"].push_back(one);
  }
  out["notes"] = explanation.notes;
  return out.dump(2, ' ', true, Json::error_handler_t::replace) + "\n";
}

}  // namespace samehost::cli
