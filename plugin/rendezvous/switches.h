// What the user has switched off: SAMEHOST=off|0 as a whole, SAMEHOST_EXCLUDE per address. Read
// from the environment each time. Any thread, as far as getenv() is.
#ifndef SAMEHOST_PLUGIN_RENDEZVOUS_SWITCHES_H_
#define SAMEHOST_PLUGIN_RENDEZVOUS_SWITCHES_H_

#include <optional>
#include <string>
#include <string_view>

#include "plugin/rendezvous/rendezvous.h"

namespace samehost::rendezvous {

// Which setting switches shared memory off for this address; nothing when none does.
std::optional<std::string> SwitchedOff(const Address& address);

// Whether an item of SAMEHOST_EXCLUDE can ever be an address, as ToString(Address) writes it, or is
// ":port". A host's name is none: what is compared is the address that it was resolved to.
bool IsExclusion(std::string_view item);

}  // namespace samehost::rendezvous

#endif  // SAMEHOST_PLUGIN_RENDEZVOUS_SWITCHES_H_
