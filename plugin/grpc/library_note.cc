// How the samehost command knows this library wherever it lies.
#include "plugin/base/library_note.h"

SAMEHOST_LIBRARY_NOTE("library=grpc version=" SAMEHOST_VERSION " source=" SAMEHOST_SOURCE_VERSION);
