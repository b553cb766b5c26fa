#include "odd_start.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/wait.h>
#include <unistd.h>

#include <climits>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace {

[[noreturn]] void Fail(const char* what) {
  std::perror(what);
  std::exit(90);
}

void BecomeDaemon() {
  for (int i = 0; i < 2; ++i) {
    const pid_t child = fork();
    if (child < 0) Fail("fork");
    if (child > 0) _exit(0);
    if (i == 0) setsid();
  }
  if (chdir("/") != 0) Fail("chdir");
}

void BecomeUser(const std::string& uid) {
  const auto id = static_cast<uid_t>(std::stoul(uid));
  if (setgroups(0, nullptr) != 0 || setgid(id) != 0 || setuid(id) != 0) Fail("setuid");
}

// Returns in the workers only.
void ForkWorkers(int count) {
  for (int i = 0; i < count; ++i) {
    const pid_t child = fork();
    if (child < 0) Fail("fork");
    if (child == 0) return;
  }
  int worst = 0;
  for (int i = 0; i < count; ++i) {
    int status = 0;
    if (wait(&status) < 0 || status != 0) worst = 92;
  }
  std::exit(worst);
}

void ChangeRoot(const std::string& folder) {
  if (chroot(folder.c_str()) != 0 || chdir("/") != 0) Fail("chroot");
}

std::string Content(int number) { return "content of file " + std::to_string(number); }

}  // namespace

void CloseAll() { close_range(3, UINT_MAX, 0); }

void StartOddly(std::vector<std::string>* words) {
  const auto take = [words] {
    if (words->empty()) std::exit(2);
    std::string word = words->front();
    words->erase(words->begin());
    return word;
  };
  while (!words->empty() && words->front().rfind("--", 0) == 0) {
    const std::string option = take();
    if (option == "--close-all") {
      CloseAll();
    } else if (option == "--daemon") {
      BecomeDaemon();
    } else if (option == "--user") {
      BecomeUser(take());
    } else if (option == "--workers") {
      ForkWorkers(std::stoi(take()));
    } else if (option == "--root") {
      ChangeRoot(take());
    } else {
      std::exit(2);
    }
  }
}

bool ChildWithFilesOfItsOwn(const std::string& folder, int count) {
  const pid_t child = fork();
  if (child < 0) return false;
  if (child == 0) {
    CloseAll();
    for (int i = 0; i < count; ++i) {
      const std::string path = folder + "/" + std::to_string(i);
      const int fd = open(path.c_str(), O_CREAT | O_RDWR, 0600);
      const std::string content = Content(i);
      if (fd < 0 || write(fd, content.data(), content.size()) < 0) _exit(91);
    }
    std::exit(0);
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child || status != 0) return false;
  for (int i = 0; i < count; ++i) {
    std::ifstream file(folder + "/" + std::to_string(i), std::ios::binary);
    if (std::string(std::istreambuf_iterator<char>(file), {}) != Content(i)) return false;
  }
  return true;
}
