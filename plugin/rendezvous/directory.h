// The rendezvous directory: where servers leave entries and clients look for them.
//
//   /run/samehost/           base: root's and sticky, or the user's own
//     1000/                  user folder: owned by 1000, nobody else may write
//       tcp-50051-...        entries: unix sockets, see entry.h
//
// Everything is opened once, checked through the descriptor, and used through it, so that nothing
// can be swapped between check and use. Plain functions, any thread.
#ifndef SAMEHOST_PLUGIN_RENDEZVOUS_DIRECTORY_H_
#define SAMEHOST_PLUGIN_RENDEZVOUS_DIRECTORY_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/base/unique_fd.h"
#include "plugin/rendezvous/peer.h"

namespace samehost::rendezvous {

// Where all users of the machine meet; root's.
inline constexpr char kSystemBase[] = "/run/samehost";

struct UserFolder {
  std::string path;  // for messages
  UniqueFd fd;
  uid_t owner = 0;
};

// The folder for this process's own entries, made where missing. `configured`: Options::directory.
// Errors: kNotFound (no base directory), kRefused (one that is not safe), kSystem.
Result<std::shared_ptr<UserFolder>> OpenOwnFolder(const std::string& configured);

// The folders of this process's user that are there already, in every base directory, best first.
// What is not trusted is left out.
std::vector<std::shared_ptr<UserFolder>> FindOwnFolders(const std::string& configured);

// The base directories that a process of this user looks into, best first, there or not: the one
// that `configured` or SAMEHOST_DIR names, else the usual places.
std::vector<std::string> BaseDirectories(const std::string& configured);
// One of them, checked: root's or this user's own, and safe. Errors: kNotFound, kRefused, kSystem.
Result<UniqueFd> OpenBaseDirectory(const std::string& path);
// The same, made where missing as a server makes it.
Result<UniqueFd> MakeBaseDirectory(const std::string& path);

struct Candidate {
  std::shared_ptr<UserFolder> folder;
  std::string name;
};

struct Listing {
  std::vector<Candidate> candidates;  // in folders of users whom `policy` may accept
  std::vector<Candidate> strangers;   // in others; looked for only when there are no candidates
  std::vector<Error> refused;         // what was not trusted
  std::vector<Error> failed;          // what could not be looked at (descriptors, memory)
  std::vector<std::shared_ptr<UserFolder>> crowded;  // own ones that want sweeping (sweep.h)
  bool any_base = false;                             // whether any base directory is there
  std::vector<std::string> wanted;                   // where a base directory may be
  std::vector<std::string> bases;                    // that were looked into
};

// All entries whose names begin with `prefix`. A client looks into every base directory that
// exists, since a server may have started when a better one was not there yet.
Listing FindEntries(const std::string& configured, const std::string& prefix,
                    const AccessPolicy& policy);

}  // namespace samehost::rendezvous

#endif  // SAMEHOST_PLUGIN_RENDEZVOUS_DIRECTORY_H_
