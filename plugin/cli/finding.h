// Finding: what one check of `samehost doctor` found.
#ifndef SAMEHOST_PLUGIN_CLI_FINDING_H_
#define SAMEHOST_PLUGIN_CLI_FINDING_H_

#include <string>
#include <vector>

namespace samehost::cli {

enum class Grade {
  kGood,
  kNote,  // works, but a user may want to know
  kBad,   // shared memory is not to be had
};

struct Finding {
  Grade grade = Grade::kGood;
  std::string what;    // "sealed memory"
  std::string detail;  // what was seen
  std::string remedy;  // what to do; empty where nothing is
};
using Findings = std::vector<Finding>;

// Each asks this machine, as this user, in this environment.
Findings CheckKernel();
Findings CheckDirectory(const std::string& configured);
Findings CheckLimits();
Findings CheckEnvironment();
Findings CheckInstallation();
// Makes one real link between two processes, through the rendezvous, and sends a record each way.
Finding TryLink(const std::string& configured);

}  // namespace samehost::cli

#endif  // SAMEHOST_PLUGIN_CLI_FINDING_H_
