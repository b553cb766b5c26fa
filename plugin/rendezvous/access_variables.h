// Whom the user of a process lets in beside the process's own user and root: SAMEHOST_ALLOW_USERS
// and SAMEHOST_ALLOW_GROUPS, names or numbers, separated by commas. For programs that have no
// option of their own for it: ZeroMQ's, and those under `samehost run`. Settings (base/setting.h).
//
// Any thread, as far as getenv() is. A name that nobody has here lets nobody in, and is logged. In
// a program with rights of its own (setuid) both are ignored: they are its caller's.
#ifndef SAMEHOST_PLUGIN_RENDEZVOUS_ACCESS_VARIABLES_H_
#define SAMEHOST_PLUGIN_RENDEZVOUS_ACCESS_VARIABLES_H_

#include <sys/types.h>

#include <optional>
#include <string>

#include "plugin/rendezvous/peer.h"

namespace samehost::rendezvous {

// Reads the variables anew each time, and the databases of users and groups if there are names.
AccessPolicy AccessFromEnvironment();

// The id that a name stands for, or that a number is; nothing when nobody has the name here.
std::optional<uid_t> FindUser(const std::string& text);
std::optional<gid_t> FindGroup(const std::string& text);

}  // namespace samehost::rendezvous

#endif  // SAMEHOST_PLUGIN_RENDEZVOUS_ACCESS_VARIABLES_H_
