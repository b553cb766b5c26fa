// How the samehost command knows this libzmq wherever it lies.
#include "plugin/base/library_note.h"

SAMEHOST_LIBRARY_NOTE("library=zmq version=" SAMEHOST_VERSION " source=" SAMEHOST_SOURCE_VERSION);
