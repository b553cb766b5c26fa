#include "plugin/bench/menu/csv.h"

#include "plugin/bench/menu/report.h"

namespace samehost::bench::menu {
namespace {

using nlohmann::json;

constexpr const char* kHeader =
    "name,title,family,waiting,processes,why_not,placement,size,round_trips,p50_us,p99_us,p999_us,"
    "cpu_us_per_message_answered,sleeps_per_message,system_calls_per_message,messages_one_way,"
    "messages_per_second,megabytes_per_second,cpu_us_per_message_one_way\n";

std::string Quoted(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

// Empty when it is not there.
std::string Field(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) return {};
  return found->is_string() ? Quoted(found->get<std::string>()) : found->dump();
}

}  // namespace

std::string ToCsv(const json& report) {
  std::string csv = kHeader;
  for (const json& mechanism : report.at("mechanisms")) {
    std::string front;
    for (const char* key : {"name", "title", "family", "waiting", "processes", "why_not"}) {
      front += Field(mechanism, key) + ",";
    }
    if (mechanism.at("cells").empty()) csv += front + ",,,,,,,,,,,,\n";
    for (const json& cell : mechanism.at("cells")) {
      const json& trips = cell.at("round_trip");
      const json& one_way = cell.at("one_way");
      csv += front + Field(cell, "placement") + "," + Field(cell, "size");
      for (const char* key :
           {"count", "p50_us", "p99_us", "p999_us", "cpu_us_per_message", "sleeps_per_message"}) {
        csv += "," + Field(trips, key);
      }
      csv += "," + Field(cell, "system_calls_per_message");
      for (const char* key :
           {"count", "messages_per_second", "megabytes_per_second", "cpu_us_per_message"}) {
        csv += "," + Field(one_way, key);
      }
      csv += "\n";
    }
  }
  return csv;
}

}  // namespace samehost::bench::menu
