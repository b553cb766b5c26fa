// ElfFile: what an ELF file says about itself: whether it names a dynamic linker, which libraries
// it needs, where its constants lie, and samehost's own note (plugin/base/library_note.h).
//
// Reads through a descriptor that the caller keeps open, or through the memory of a process that
// has loaded the file. Nothing in the file is believed: every count is bounded, and what cannot be
// read, or makes no sense, is as if it were not there. One thread at a time.
#ifndef SAMEHOST_PLUGIN_CLI_ELF_FILE_H_
#define SAMEHOST_PLUGIN_CLI_ELF_FILE_H_

#include <elf.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace samehost::cli {

struct LibraryNote {
  std::string library;  // "grpc", "zmq"
  std::string version;  // samehost's
  std::string source;   // of the distribution's source package; empty: not known
};

class ElfFile {
 public:
  // Reads exactly so many bytes from this offset of the file or fails.
  using ReadAt = std::function<bool(uint64_t offset, void* buffer, size_t bytes)>;
  struct Range {
    uint64_t offset;
    uint64_t bytes;
  };

  static ElfFile FromDescriptor(int fd);
  // Only segments are to be found there, and where the first one is loaded: FindNote() alone works.
  static ElfFile FromMemory(pid_t pid, uint64_t start);

  // Whether it is an ELF file of 64 bits for this processor.
  bool valid() const { return valid_; }
  bool NamesDynamicLinker() const;
  // Names of the libraries that the dynamic linker must load with it, in order.
  std::vector<std::string> NeededLibraries() const;
  // Where its read-only data lies, text excluded; empty when the file has no table of its sections.
  std::vector<Range> Constants() const;
  std::optional<LibraryNote> FindNote() const;

 private:
  ElfFile(ReadAt read, bool in_memory);
  std::optional<uint64_t> OffsetOf(uint64_t address) const;
  std::string ReadString(uint64_t offset) const;

  ReadAt read_;
  bool in_memory_;
  bool valid_ = false;
  Elf64_Ehdr header_ = {};
  std::vector<Elf64_Phdr> segments_;
};

}  // namespace samehost::cli

#endif  // SAMEHOST_PLUGIN_CLI_ELF_FILE_H_
