// `samehost doctor`: what this machine, user and environment lack for shared memory.
#ifndef SAMEHOST_PLUGIN_CLI_DOCTOR_H_
#define SAMEHOST_PLUGIN_CLI_DOCTOR_H_

#include <string>

namespace samehost::cli {

struct DoctorOptions {
  bool json = false;
  std::string directory;  // "": as the environment says
};

// The exit code: kNo when something is bad.
int Doctor(const DoctorOptions& options);

}  // namespace samehost::cli

#endif  // SAMEHOST_PLUGIN_CLI_DOCTOR_H_
