#include "plugin/tests/harness/process_facts.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

namespace samehost::testing {
namespace {

namespace fs = std::filesystem;

std::string Proc(pid_t pid, const char* file) {
  return "/proc/" + std::to_string(pid) + "/" + file;
}

std::string ReadAll(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// The value of a "Name:   123 kB" line, in bytes.
size_t StatusBytes(pid_t pid, const std::string& name) {
  std::istringstream in(ReadAll(Proc(pid, "status")));
  for (std::string line; std::getline(in, line);) {
    if (line.rfind(name + ":", 0) == 0) return std::stoull(line.substr(name.size() + 1)) * 1024;
  }
  return 0;
}

bool IsSamehostMemory(const std::string& name) {
  // All but the page of decisions (rendezvous/decision_page.h), which stays for the process's life.
  return name.find("/memfd:samehost") != std::string::npos &&
         name.find("/memfd:samehost-decisions") == std::string::npos;
}

}  // namespace

std::vector<std::string> Descriptors(pid_t pid) {
  std::vector<std::string> targets;
  std::error_code error;
  for (fs::directory_iterator it(Proc(pid, "fd"), error), end; !error && it != end;
       it.increment(error)) {
    std::error_code gone;
    fs::path target = fs::read_symlink(it->path(), gone);
    if (!gone) targets.push_back(target.string());
  }
  return targets;
}

size_t SamehostMappings(pid_t pid) {
  std::istringstream in(ReadAll(Proc(pid, "maps")));
  size_t count = 0;
  for (std::string line; std::getline(in, line);) count += IsSamehostMemory(line);
  return count;
}

size_t SamehostDescriptors(pid_t pid) {
  auto all = Descriptors(pid);
  return static_cast<size_t>(std::count_if(all.begin(), all.end(), IsSamehostMemory));
}

size_t Threads(pid_t pid) {
  std::error_code error;
  size_t count = 0;
  for (fs::directory_iterator it(Proc(pid, "task"), error), end; !error && it != end;
       it.increment(error)) {
    ++count;
  }
  return count;
}

size_t ResidentBytes(pid_t pid) { return StatusBytes(pid, "VmRSS"); }
size_t AnonymousBytes(pid_t pid) { return StatusBytes(pid, "RssAnon"); }

char State(pid_t pid) {
  std::string stat = ReadAll(Proc(pid, "stat"));
  size_t end = stat.rfind(')');
  return end == std::string::npos || end + 2 >= stat.size() ? 0 : stat[end + 2];
}

std::vector<pid_t> Children(pid_t pid) {
  std::vector<pid_t> children;
  std::error_code error;
  for (fs::directory_iterator it(Proc(pid, "task"), error), end; !error && it != end;
       it.increment(error)) {
    std::istringstream in(ReadAll(it->path() / "children"));
    for (pid_t child; in >> child;) children.push_back(child);
  }
  return children;
}

ProcessFacts FactsOf(pid_t pid) {
  return {Descriptors(pid).size(), SamehostDescriptors(pid), SamehostMappings(pid), Threads(pid)};
}

}  // namespace samehost::testing
