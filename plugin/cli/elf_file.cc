#include "plugin/cli/elf_file.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <sstream>
#include <string_view>
#include <utility>

#include "plugin/base/unique_fd.h"
#include "plugin/cli/proc.h"

namespace samehost::cli {
namespace {

constexpr size_t kMaxSegments = 256;
constexpr size_t kMaxSections = 4096;
constexpr size_t kMaxDynamicEntries = 4096;
constexpr size_t kMaxNeeded = 256;
constexpr size_t kMaxNoteBytes = 4096;
constexpr size_t kMaxNameBytes = 256;

bool ReadWhole(int fd, uint64_t offset, void* buffer, size_t bytes) {
  if (offset > INT64_MAX) return false;
  return pread(fd, buffer, bytes, static_cast<off_t>(offset)) == static_cast<ssize_t>(bytes);
}

Elf64_Half ThisMachine() {
  static const Elf64_Half machine = [] {
    Elf64_Ehdr own = {};
    const UniqueFd fd(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    return ReadWhole(fd.get(), 0, &own, sizeof(own)) ? own.e_machine : Elf64_Half{EM_NONE};
  }();
  return machine;
}

bool IsForThisMachine(const Elf64_Ehdr& header) {
  return std::memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 &&
         header.e_ident[EI_CLASS] == ELFCLASS64 && header.e_machine == ThisMachine();
}

// A table of equal entries; empty when it is not all there.
template <typename T>
std::vector<T> ReadTable(const ElfFile::ReadAt& read, uint64_t offset, size_t count) {
  std::vector<T> table(count);
  if (count == 0 || !read(offset, table.data(), count * sizeof(T))) table.clear();
  return table;
}

// "library=zmq version=0.1.0 source=4.3.4-6".
LibraryNote ParseNote(const std::string& text) {
  LibraryNote note;
  std::istringstream words(text);
  std::string word;
  while (words >> word) {
    const size_t equals = std::min(word.find('='), word.size());
    const std::string key = word.substr(0, equals);
    const std::string value = Printable(word.substr(std::min(equals + 1, word.size())));
    if (key == "library") note.library = value;
    if (key == "version") note.version = value;
    if (key == "source") note.source = value;
  }
  return note;
}

size_t Padded(size_t bytes) { return (bytes + 3) & ~size_t{3}; }

// Of the notes that lie one after the other in a segment, samehost's.
std::optional<LibraryNote> NoteAmong(std::string_view bytes) {
  constexpr std::string_view kOwner("samehost\0", 9);
  while (bytes.size() >= sizeof(Elf64_Nhdr)) {
    Elf64_Nhdr header;
    std::memcpy(&header, bytes.data(), sizeof(header));
    bytes.remove_prefix(sizeof(header));
    const size_t name = Padded(header.n_namesz);
    if (name > bytes.size()) break;
    const std::string_view owner = bytes.substr(0, header.n_namesz);
    bytes.remove_prefix(name);
    if (header.n_descsz > bytes.size()) break;
    const std::string text(bytes.substr(0, header.n_descsz));
    if (owner == kOwner) return ParseNote(text.c_str());  // up to its zero
    bytes.remove_prefix(std::min(Padded(header.n_descsz), bytes.size()));
  }
  return std::nullopt;
}

}  // namespace

ElfFile ElfFile::FromDescriptor(int fd) {
  return ElfFile([fd](uint64_t offset, void* buffer,
                      size_t bytes) { return ReadWhole(fd, offset, buffer, bytes); },
                 /*in_memory=*/false);
}

ElfFile ElfFile::FromMemory(pid_t pid, uint64_t start) {
  return ElfFile(
      [pid, start](uint64_t offset, void* buffer, size_t bytes) {
        iovec local = {buffer, bytes};
        iovec remote = {reinterpret_cast<void*>(start + offset), bytes};  // NOLINT
        return process_vm_readv(pid, &local, 1, &remote, 1, 0) == static_cast<ssize_t>(bytes);
      },
      /*in_memory=*/true);
}

ElfFile::ElfFile(ReadAt read, bool in_memory) : read_(std::move(read)), in_memory_(in_memory) {
  valid_ = read_(0, &header_, sizeof(header_)) && IsForThisMachine(header_);
  if (!valid_ || header_.e_phentsize != sizeof(Elf64_Phdr) || header_.e_phnum > kMaxSegments)
    return;
  segments_ = ReadTable<Elf64_Phdr>(read_, header_.e_phoff, header_.e_phnum);
}

bool ElfFile::NamesDynamicLinker() const {
  return std::any_of(segments_.begin(), segments_.end(),
                     [](const Elf64_Phdr& segment) { return segment.p_type == PT_INTERP; });
}

std::optional<uint64_t> ElfFile::OffsetOf(uint64_t address) const {
  for (const Elf64_Phdr& segment : segments_) {
    if (segment.p_type != PT_LOAD || address < segment.p_vaddr) continue;
    const uint64_t within = address - segment.p_vaddr;
    if (within < segment.p_filesz) return segment.p_offset + within;
  }
  return std::nullopt;
}

std::string ElfFile::ReadString(uint64_t offset) const {
  char text[kMaxNameBytes] = {};
  size_t bytes = sizeof(text) - 1;
  while (bytes > 0 && !read_(offset, text, bytes)) bytes /= 2;  // near the end of the file
  text[bytes] = 0;
  return Printable(text);
}

std::vector<std::string> ElfFile::NeededLibraries() const {
  std::vector<std::string> out;
  for (const Elf64_Phdr& segment : segments_) {
    if (segment.p_type != PT_DYNAMIC) continue;
    const size_t count = std::min(segment.p_filesz / sizeof(Elf64_Dyn), kMaxDynamicEntries);
    const auto entries = ReadTable<Elf64_Dyn>(read_, segment.p_offset, count);
    std::optional<uint64_t> strings;
    for (const Elf64_Dyn& entry : entries) {
      if (entry.d_tag == DT_STRTAB) strings = OffsetOf(entry.d_un.d_ptr);
    }
    for (const Elf64_Dyn& entry : entries) {
      if (entry.d_tag == DT_NULL || !strings || out.size() == kMaxNeeded) break;
      if (entry.d_tag == DT_NEEDED) out.push_back(ReadString(*strings + entry.d_un.d_val));
    }
  }
  return out;
}

std::vector<ElfFile::Range> ElfFile::Constants() const {
  std::vector<Range> out;
  if (header_.e_shentsize != sizeof(Elf64_Shdr) || header_.e_shnum > kMaxSections) return out;
  for (const Elf64_Shdr& section : ReadTable<Elf64_Shdr>(read_, header_.e_shoff, header_.e_shnum)) {
    const bool constants =
        section.sh_type == SHT_PROGBITS &&
        (section.sh_flags & (SHF_ALLOC | SHF_WRITE | SHF_EXECINSTR)) == SHF_ALLOC;
    if (constants) out.push_back({section.sh_offset, section.sh_size});
  }
  return out;
}

std::optional<LibraryNote> ElfFile::FindNote() const {
  const auto loaded_first =
      std::find_if(segments_.begin(), segments_.end(),
                   [](const Elf64_Phdr& segment) { return segment.p_type == PT_LOAD; });
  for (const Elf64_Phdr& segment : segments_) {
    if (segment.p_type != PT_NOTE || segment.p_filesz > kMaxNoteBytes) continue;
    uint64_t offset = segment.p_offset;
    if (in_memory_) {
      if (loaded_first == segments_.end()) break;
      offset = segment.p_vaddr - loaded_first->p_vaddr;
    }
    std::string bytes(segment.p_filesz, '\0');
    if (bytes.empty() || !read_(offset, bytes.data(), bytes.size())) continue;
    if (auto note = NoteAmong(bytes)) return note;
  }
  return std::nullopt;
}

}  // namespace samehost::cli
