#include "plugin/bench/menu/programs.h"

#include <unistd.h>

#include <filesystem>

#include "plugin/bench/menu/build_facts.h"

namespace samehost::bench::menu {
namespace {

namespace fs = std::filesystem;

fs::path Here() { return fs::read_symlink("/proc/self/exe").parent_path(); }

const char* FileName(Program program) {
  switch (program) {
    case Program::kStock:
      return "samehost-bench-stock";
    case Program::kSamehost:
      return "samehost-bench";
    case Program::kRivals:
      return "samehost-bench-rivals";
  }
  return "?";
}

}  // namespace

std::string FindProgram(Program program) {
  for (const fs::path& folder : {Here(), Here() / ".."}) {
    const fs::path file = folder / FileName(program);
    if (::access(file.c_str(), X_OK) == 0) return file;
  }
  return {};
}

std::string FindSamehostZmq() {
  // Of a build tree, for the programs and for their tests; of an installation.
  for (const char* place : {"../../zmq", "../../../zmq", kInstalledZmq}) {
    const fs::path folder = Here() / place;
    std::error_code ignored;
    if (fs::exists(folder / "libzmq.so.5", ignored)) return fs::canonical(folder, ignored);
  }
  return {};
}

}  // namespace samehost::bench::menu
