// ControlChannel: text lines over a socket between a test and the programs it starts. One reader
// and one writer at a time.
#ifndef SAMEHOST_PLUGIN_TESTS_HARNESS_CONTROL_CHANNEL_H_
#define SAMEHOST_PLUGIN_TESTS_HARNESS_CONTROL_CHANNEL_H_

#include <string>

namespace samehost::testing {

class ControlChannel {
 public:
  // The descriptor under which a started program finds its end.
  static constexpr int kChildDescriptor = 3;

  explicit ControlChannel(int fd) : fd_(fd) {}
  ~ControlChannel();
  ControlChannel(const ControlChannel&) = delete;
  ControlChannel& operator=(const ControlChannel&) = delete;

  void Write(std::string line);
  // False when the other end has gone.
  bool Read(std::string* line);

 private:
  int fd_;
  std::string unread_;
};

}  // namespace samehost::testing

#endif  // SAMEHOST_PLUGIN_TESTS_HARNESS_CONTROL_CHANNEL_H_
