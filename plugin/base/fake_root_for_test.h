// A directory that plays the part of "/" in tests of what is read from /proc and /sys.
#ifndef SAMEHOST_PLUGIN_BASE_FAKE_ROOT_FOR_TEST_H_
#define SAMEHOST_PLUGIN_BASE_FAKE_ROOT_FOR_TEST_H_

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace samehost {

class FakeRoot {
 public:
  FakeRoot() {
    std::string name = (std::filesystem::temp_directory_path() / "samehost-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~FakeRoot() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }
  void Write(const std::string& name, const std::string& text) {
    const std::filesystem::path file = path_ + name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }

 private:
  std::string path_;
};

}  // namespace samehost

#endif  // SAMEHOST_PLUGIN_BASE_FAKE_ROOT_FOR_TEST_H_
