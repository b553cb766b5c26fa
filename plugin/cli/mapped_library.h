// What the files that other processes have mapped are: libraries of samehost's (whichever
// installation they come from), or files with a gRPC or ZeroMQ of their own.
//
// Each file is looked at once in the life of this process, however many processes have it mapped.
// One thread. Nothing for a file that this user may not read, or that is gone.
#ifndef SAMEHOST_PLUGIN_CLI_MAPPED_LIBRARY_H_
#define SAMEHOST_PLUGIN_CLI_MAPPED_LIBRARY_H_

#include <optional>

#include "plugin/cli/elf_file.h"
#include "plugin/cli/own_copy.h"
#include "plugin/cli/proc.h"

namespace samehost::cli {

// What a library of samehost's says of itself; nothing for any other file. A library that has been
// replaced on the disk since it was loaded is read from the process' memory.
std::optional<LibraryNote> NoteOf(pid_t pid, const MappedFile& file);

OwnCopy OwnCopyIn(pid_t pid, const MappedFile& file);

}  // namespace samehost::cli

#endif  // SAMEHOST_PLUGIN_CLI_MAPPED_LIBRARY_H_
