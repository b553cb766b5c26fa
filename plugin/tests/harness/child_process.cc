#include "plugin/tests/harness/child_process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <sstream>

extern char** environ;

namespace samehost::testing {
namespace {

// As ./test sets it for all sanitizers; no program of ours leaves with it.
constexpr int kSanitizerReport = 66;

std::string ProgramPath(const std::string& name) {
  return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / name).string();
}

std::vector<std::string> Environment(const std::map<std::string, std::string>& changes) {
  std::vector<std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    std::string text = *entry;
    if (changes.count(text.substr(0, text.find('='))) == 0) result.push_back(text);
  }
  for (const auto& [name, value] : changes) {
    if (!value.empty()) result.push_back(name + "=" + value);
  }
  return result;
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& string : strings) pointers.push_back(string.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

ChildProcess::ChildProcess(const Options& options) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) abort();
  // dup2 onto itself would keep CLOEXEC: move the child's end out of the way first.
  int child_end = fcntl(pair[1], F_DUPFD_CLOEXEC, 10);
  close(pair[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, child_end, ControlChannel::kChildDescriptor);
  if (!options.stderr_file.empty()) {
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, options.stderr_file.c_str(),
                                     O_WRONLY | O_CREAT | O_APPEND, 0644);
  }
  std::string path = ProgramPath(options.program);
  std::vector<std::string> arguments = options.flags;
  arguments.insert(arguments.begin(), path);
  arguments.push_back("--parent=" + std::to_string(getpid()));
  std::vector<std::string> environment = Environment(options.environment);
  int error = posix_spawn(&pid_, path.c_str(), &actions, nullptr, Pointers(arguments).data(),
                          Pointers(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  close(child_end);
  control_ = std::make_unique<ControlChannel>(pair[0]);
  running_ = error == 0;
  EXPECT_EQ(error, 0) << "start " << path << ": " << strerror(error);
}

ChildProcess::~ChildProcess() { Kill(); }

void ChildProcess::Tell(const std::string& line) { control_->Write(line); }

std::string ChildProcess::Hear() {
  std::string line;
  control_->Read(&line);
  return line;
}

std::string ChildProcess::Ask(const std::string& line) {
  std::lock_guard<std::mutex> lock(asking_);
  Tell(line);
  return Hear();
}

Counters ChildProcess::AskCounters(const std::string& line) {
  Counters counters;
  std::istringstream in(Ask(line));
  for (std::string word; in >> word;) {
    size_t equals = word.find('=');
    if (equals != std::string::npos) {
      counters[word.substr(0, equals)] = std::stoull(word.substr(equals + 1));
    }
  }
  return counters;
}

void ChildProcess::Signal(int signal) {
  if (running_) kill(pid_, signal);
}

void ChildProcess::Kill(int signal) {
  Signal(signal);
  if (running_ && signal != SIGKILL) Signal(SIGCONT);
  Wait();
}

int ChildProcess::Wait() {
  if (running_) {
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    running_ = false;
    result_ = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
    EXPECT_NE(result_, kSanitizerReport) << "a sanitizer has found something in the child";
  }
  return result_;
}

}  // namespace samehost::testing
