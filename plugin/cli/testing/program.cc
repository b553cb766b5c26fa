#include "plugin/cli/testing/program.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <thread>

#include "plugin/base/aside.h"
#include "plugin/cli/program_file.h"

namespace samehost::cli::testing {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kPatience{120};

std::string OwnFolder() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path().string();
}

void Become(const Words& words, const Variables& variables) {
  for (const auto& [name, value] : variables) {
    value.empty() ? unsetenv(name.c_str()) : setenv(name.c_str(), value.c_str(), 1);
  }
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  execvp(arguments[0], arguments.data());
  _exit(127);
}

}  // namespace

std::string Samehost() { return OwnFolder() + "/samehost"; }
std::string StockZmq() { return OwnFolder() + "/stock_zmq"; }
std::string StockEcho() { return OwnFolder() + "/stock_echo"; }
std::string TestData(const std::string& name) {
  return std::string(SAMEHOST_CLI_TEST_DATA) + "/" + name;
}
bool IsInstalled(const std::string& program) { return FindProgram(program).ok(); }

Program::Program(const Words& words, const Variables& variables) {
  int in[2];
  int out[2];
  if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) {
    ADD_FAILURE() << "pipe";
    return;
  }
  UniqueFd in_read(in[0]);
  in_ = Aside(UniqueFd(in[1]));
  out_ = Aside(UniqueFd(out[0]));
  UniqueFd out_write(out[1]);
  errors_ = Aside(UniqueFd(memfd_create("stderr", MFD_CLOEXEC)));
  pid_ = fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_DFL);
    dup2(in_read.get(), STDIN_FILENO);
    dup2(out_write.get(), STDOUT_FILENO);
    dup2(errors_.get(), STDERR_FILENO);
    // Appending, for its own children as well.
    fcntl(STDERR_FILENO, F_SETFL, O_APPEND);
    Become(words, variables);
  }
  signal(SIGPIPE, SIG_IGN);
}

Program::~Program() {
  if (pid_ <= 0 || reaped_) return;
  kill(pid_, SIGCONT);
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  if (::testing::Test::HasFailure()) std::fprintf(stderr, "[%d] %s\n", pid_, Errors().c_str());
}

std::string Program::Line() {
  const auto deadline = Clock::now() + kPatience;
  for (;;) {
    const size_t end = buffer_.find('\n');
    if (end != std::string::npos) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return line;
    }
    pollfd polled = {out_.get(), POLLIN, 0};
    if (poll(&polled, 1, 1000) == 0) {
      if (Clock::now() < deadline) continue;
      ADD_FAILURE() << "nothing from the program; stderr: " << Errors();
      return "";
    }
    char bytes[4096];
    const ssize_t got = read(out_.get(), bytes, sizeof(bytes));
    if (got <= 0) return std::exchange(buffer_, "");
    buffer_.append(bytes, static_cast<size_t>(got));
  }
}

std::string Program::Rest() {
  std::string all = std::exchange(buffer_, "");
  char bytes[4096];
  for (;;) {
    const ssize_t got = read(out_.get(), bytes, sizeof(bytes));
    if (got <= 0) return all;
    all.append(bytes, static_cast<size_t>(got));
  }
}

void Program::Tell(const std::string& line) {
  const std::string text = line + "\n";
  if (write(in_.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    ADD_FAILURE() << "the program does not listen; stderr: " << Errors();
  }
}

int Program::Wait() {
  const auto deadline = Clock::now() + kPatience;
  while (!reaped_) {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      reaped_ = true;
      status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    } else if (Clock::now() >= deadline) {
      ADD_FAILURE() << "the program does not end; stderr: " << Errors();
      return -1;
    } else {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  return status_;
}

std::string Program::Errors() const {
  std::string all;
  char bytes[4096];
  for (;;) {
    const ssize_t got = pread(errors_.get(), bytes, sizeof(bytes), static_cast<off_t>(all.size()));
    if (got <= 0) return all;
    all.append(bytes, static_cast<size_t>(got));
  }
}

Ended RunToEnd(const Words& words, const Variables& variables) {
  Program program(words, variables);
  program.CloseInput();
  Ended ended;
  ended.out = program.Rest();
  ended.code = program.Wait();
  ended.errors = program.Errors();
  return ended;
}

Scratch::Scratch() {
  std::string name = "/tmp/samehost-cli-test-XXXXXX";
  path_ = mkdtemp(name.data()) != nullptr ? name : "";
}

Scratch::~Scratch() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Variables CleanEnvironment(const std::string& directory) {
  Variables out = {{"SAMEHOST_DIR", directory}};
  for (const char* name :
       {"SAMEHOST", "SAMEHOST_EXCLUDE", "SAMEHOST_LOG", "SAMEHOST_REPLACE_TLS", "SAMEHOST_WAIT",
        "SAMEHOST_ZMQ", "SAMEHOST_ALLOW_USERS", "SAMEHOST_ALLOW_GROUPS", "GRPC_POLL_STRATEGY",
        "LD_LIBRARY_PATH", "http_proxy", "https_proxy", "grpc_proxy"}) {
    out[name] = "";
  }
  return out;
}

Words UnderRun(const Words& words, const Words& options) {
  Words out = {Samehost(), "run"};
  out.insert(out.end(), options.begin(), options.end());
  out.push_back("--");
  out.insert(out.end(), words.begin(), words.end());
  return out;
}

nlohmann::json Status(const Variables& variables) {
  const Ended ended = RunToEnd({Samehost(), "status", "--json"}, variables);
  EXPECT_EQ(ended.code, 0) << ended.errors;
  return nlohmann::json::parse(ended.out, nullptr, /*allow_exceptions=*/false);
}

std::vector<nlohmann::json> Entries(const nlohmann::json& status, const std::string& list,
                                    const std::string& address_end) {
  std::vector<nlohmann::json> out;
  if (!status.is_object() || !status.contains(list)) return out;
  for (const auto& entry : status[list]) {
    const std::string address = entry.value("address", "");
    if (address.size() >= address_end.size() &&
        address.compare(address.size() - address_end.size(), address_end.size(), address_end) ==
            0) {
      out.push_back(entry);
    }
  }
  return out;
}

bool Eventually(const std::function<bool()>& done) {
  const auto deadline = Clock::now() + kPatience;
  while (!done()) {
    if (Clock::now() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

}  // namespace samehost::cli::testing
