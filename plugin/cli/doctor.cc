#include "plugin/cli/doctor.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "plugin/cli/exit_code.h"
#include "plugin/cli/finding.h"
#include "plugin/cli/switch.h"

namespace samehost::cli {
namespace {

const char* Word(Grade grade) {
  switch (grade) {
    case Grade::kGood:
      return "ok";
    case Grade::kNote:
      return "note";
    case Grade::kBad:
      break;
  }
  return "BAD";
}

std::string Text(const Findings& findings) {
  std::string out;
  for (const Finding& finding : findings) {
    std::string word = Word(finding.grade);
    word.resize(6, ' ');
    out += word + finding.what + ": " + finding.detail + "\n";
    if (!finding.remedy.empty()) out += "      -> " + finding.remedy + "\n";
  }
  return out;
}

std::string Json(const Findings& findings, bool good) {
  nlohmann::ordered_json out;
  out["good"] = good;
  out["findings"] = nlohmann::ordered_json::array();
  for (const Finding& finding : findings) {
    out["findings"].push_back(
        {{"grade", finding.grade == Grade::kBad ? "bad" : Word(finding.grade)},
         {"what", finding.what},
         {"detail", finding.detail},
         {"remedy", finding.remedy}});
  }
  return out.dump(2, ' ', true, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace

int Doctor(const DoctorOptions& options) {
  Findings all;
  const auto add = [&all](Findings more) { all.insert(all.end(), more.begin(), more.end()); };
  add(CheckKernel());
  add(CheckDirectory(options.directory));
  add(CheckLimits());
  add(CheckEnvironment());
  add(CheckSwitches(options.directory));
  add(CheckInstallation());
  all.push_back(TryLink(options.directory));
  const auto bad = std::count_if(all.begin(), all.end(),
                                 [](const Finding& f) { return f.grade == Grade::kBad; });
  const bool good = bad == 0;
  if (options.json) {
    std::fputs(Json(all, good).c_str(), stdout);
  } else {
    std::fputs(Text(all).c_str(), stdout);
    std::puts(good ? "\nShared memory works here." : "\nSomething is missing; see BAD above.");
  }
  return good ? kOk : kNo;
}

}  // namespace samehost::cli
