// Journal: a file of lines, each there when Add returns, even if the process is killed then. Any
// thread.
#ifndef SAMEHOST_INTEROP_TESTS_PROGRAMS_JOURNAL_H_
#define SAMEHOST_INTEROP_TESTS_PROGRAMS_JOURNAL_H_

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace samehost::interop {

class Journal {
 public:
  // Empty: nothing is written.
  explicit Journal(const std::string& file) {
    if (file.empty()) return;
    fd_ = open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd_ >= 0) return;
    perror(file.c_str());
    exit(1);
  }
  ~Journal() {
    if (fd_ >= 0) close(fd_);
  }
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  void Add(const std::string& id) {
    if (fd_ < 0 || id.empty()) return;
    const std::string line = id + "\n";
    if (write(fd_, line.data(), line.size()) == static_cast<ssize_t>(line.size())) return;
    perror("journal");
    abort();
  }

 private:
  int fd_ = -1;
};

}  // namespace samehost::interop

#endif  // SAMEHOST_INTEROP_TESTS_PROGRAMS_JOURNAL_H_
