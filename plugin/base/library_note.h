// SAMEHOST_LIBRARY_NOTE: what a shared library of samehost's says of itself, for those who look at
// the file or at a process that has loaded it: which library it is, of which version of samehost,
// and which source it was built from. An ELF note, in the part of the file that is loaded: strip(1)
// leaves it there, and neither the file's name nor its place matters.
//
// Used once in each library, at namespace scope, in a source file of the library's own (an archive
// would leave it out). `text` is a string literal of "key=value" words; keys: library, version,
// source (the version of the distribution's source package; empty: not known).
// plugin/cli/elf_file.h reads it.
#ifndef SAMEHOST_PLUGIN_BASE_LIBRARY_NOTE_H_
#define SAMEHOST_PLUGIN_BASE_LIBRARY_NOTE_H_

// The fields of Elf64_Nhdr, the name, the text; in assembler, because a compiler would not mark the
// section as a note.
#define SAMEHOST_LIBRARY_NOTE(text)               \
  asm(".pushsection .note.samehost,\"a\",%note\n" \
      ".balign 4\n"                               \
      ".long 2f - 1f\n"                           \
      ".long 4f - 3f\n"                           \
      ".long 1\n"                                 \
      "1: .asciz \"samehost\"\n"                  \
      "2: .balign 4\n"                            \
      "3: .asciz \"" text                         \
      "\"\n"                                      \
      "4: .balign 4\n"                            \
      ".popsection\n")

#endif  // SAMEHOST_PLUGIN_BASE_LIBRARY_NOTE_H_
