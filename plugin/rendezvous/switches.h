// What is switched off, and by whom:
//
//   a setting (base/setting.h)     SAMEHOST=off|0 as a whole, SAMEHOST_EXCLUDE per address; for the
//                                  connections that a process makes from then on
//   a file (switch_files.h)        `off` and `exclude` in a rendezvous directory; for running
//                                  processes and the links that they have
//
// Looked at each time. Any thread, as far as getenv() is. Addresses are texts as ToString() writes
// them.
#ifndef SAMEHOST_PLUGIN_RENDEZVOUS_SWITCHES_H_
#define SAMEHOST_PLUGIN_RENDEZVOUS_SWITCHES_H_

#include <optional>
#include <string>
#include <string_view>

#include "plugin/rendezvous/rendezvous.h"
#include "plugin/rendezvous/switch_files.h"

namespace samehost::rendezvous {

// What switches shared memory off for this address, for people; nothing when nothing does.
// `directory`: Options::directory.
std::optional<std::string> SwitchedOff(const Address& address, const std::string& directory);

// The parts of it. The first is for no address in particular: SAMEHOST.
std::optional<std::string> SwitchedOffAsAWhole();
std::optional<std::string> SwitchedOffBySetting(const std::string& address);
std::optional<std::string> SwitchedOffByFile(const SwitchFiles& files, const std::string& address);
std::optional<std::string> SwitchedOffByFile(const std::string& address,
                                             const std::string& directory);

// Whether an item of SAMEHOST_EXCLUDE or of an `exclude` file can ever be an address, as
// ToString(Address) writes it, or is ":port". A host's name is none: what is compared is the
// address that it was resolved to.
bool IsExclusion(std::string_view item);

}  // namespace samehost::rendezvous

#endif  // SAMEHOST_PLUGIN_RENDEZVOUS_SWITCHES_H_
