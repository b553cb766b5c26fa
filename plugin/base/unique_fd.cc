#include "plugin/base/unique_fd.h"

#include <sys/stat.h>

namespace samehost {

void UniqueFd::Remember() {
  struct stat status;
  if (fd_ < 0 || fstat(fd_, &status) != 0) return;
  device_ = status.st_dev;
  inode_ = status.st_ino;
}

bool UniqueFd::IsSameFile() const {
  struct stat status;
  return fd_ >= 0 && fstat(fd_, &status) == 0 && status.st_dev == device_ &&
         status.st_ino == inode_;
}

}  // namespace samehost
