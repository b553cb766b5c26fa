// `samehost status`: links and fallbacks of this host, once, as JSON, or again and again.
#ifndef SAMEHOST_PLUGIN_CLI_STATUS_H_
#define SAMEHOST_PLUGIN_CLI_STATUS_H_

namespace samehost::cli {

struct StatusOptions {
  bool json = false;
  bool watch = false;
  double interval = 0;  // seconds between two samples, whose difference makes the rates; 0: usual
};

// The exit code.
int Status(const StatusOptions& options);

}  // namespace samehost::cli

#endif  // SAMEHOST_PLUGIN_CLI_STATUS_H_
