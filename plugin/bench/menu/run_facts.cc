#include "plugin/bench/menu/run_facts.h"

#include <cstdio>

namespace samehost::bench::menu {
namespace {

using nlohmann::json;

std::string Text(const json& object, const char* key) {
  const json& value = object.at(key);
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string Machine(const json& machine) {
  return Text(machine, "cpu") + ", " + Text(machine, "cpus_online") + " CPUs (" +
         Text(machine, "cpus_allowed") + " usable), " + Text(machine, "kernel") + ", glibc " +
         Text(machine, "glibc") + ", " + Text(machine, "time");
}

std::string Load(const json& report) {
  char stolen[64];
  std::snprintf(stolen, sizeof(stolen), "; the hypervisor took %.1f %% of the CPUs meanwhile",
                report.at("stolen_percent").get<double>());
  std::string text =
      "load average before the run " + report.at("machine").value("load_average", "-");
  // Reports of earlier versions do not say, since there was none.
  const int background = report.at("options").value("background_load", 0);
  if (background > 0) {
    text += "; " + std::to_string(background) + " CPU-bound processes ran beside it";
  }
  return text + stolen;
}

std::string Measured(const json& report) {
  char text[160];
  std::snprintf(text, sizeof(text),
                "%g s a cell and direction in %s interleaved rounds, %.0f s in all",
                report.at("options").at("seconds").get<double>(),
                Text(report.at("options"), "rounds").c_str(), report.at("seconds").get<double>());
  return text;
}

}  // namespace

std::vector<std::string> RunFacts(const json& report) {
  const json& machine = report.at("machine");
  std::vector<std::string> facts = {Machine(machine), Load(report), Measured(report)};
  const std::string sanitizers = Text(machine, "sanitizers");
  if (!sanitizers.empty()) {
    facts.push_back("BUILT WITH SANITIZERS (" + sanitizers + "): the figures mean nothing");
  }
  return facts;
}

}  // namespace samehost::bench::menu
