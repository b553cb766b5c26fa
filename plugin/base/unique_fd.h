// UniqueFd owns one file descriptor and closes it. Move-only; any thread, one at a time.
//
// One that is kept for long can be made to remember which file it stands for (Aside() does so): a
// program may close descriptors that it did not open, and then the number is soon another file's,
// which must not be written to and not be closed.
#ifndef SAMEHOST_PLUGIN_BASE_UNIQUE_FD_H_
#define SAMEHOST_PLUGIN_BASE_UNIQUE_FD_H_

#include <sys/types.h>
#include <unistd.h>

#include <utility>

namespace samehost {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), device_(other.device_), inode_(other.inode_) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this == &other) return *this;
    Reset(std::exchange(other.fd_, -1));
    device_ = other.device_;
    inode_ = other.inode_;
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { Reset(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  // Gives the descriptor away; the caller closes it.
  [[nodiscard]] int Release() { return std::exchange(fd_, -1); }
  // Closes what it has, if it still has it.
  void Reset(int fd = -1) {
    if (fd_ >= 0 && Intact()) ::close(fd_);
    fd_ = fd;
    device_ = 0;
    inode_ = 0;
  }

  // From now on Intact() can tell. One system call.
  void Remember();
  // False when the number is closed or another file's by now. Always true for one that has
  // remembered nothing. Anonymous files (eventfds among them) may all have one inode: one of them
  // in another's place is not noticed. One system call.
  bool Intact() const { return inode_ == 0 || IsSameFile(); }

 private:
  bool IsSameFile() const;

  int fd_ = -1;
  dev_t device_ = 0;
  ino_t inode_ = 0;  // 0: nothing remembered
};

}  // namespace samehost

#endif  // SAMEHOST_PLUGIN_BASE_UNIQUE_FD_H_
