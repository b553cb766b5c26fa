// The client's side: Connect().
#include <sys/random.h>

#include <algorithm>

#include "plugin/base/descriptor_headroom.h"
#include "plugin/rendezvous/client_handshake.h"
#include "plugin/rendezvous/directory.h"
#include "plugin/rendezvous/endpoint_name.h"
#include "plugin/rendezvous/kernel_query.h"
#include "plugin/rendezvous/rendezvous.h"
#include "plugin/rendezvous/sweep.h"
#include "plugin/rendezvous/switches.h"

namespace samehost::rendezvous {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::hours kLongest{1};

// Of several refusals the one that helps a user most is told: a server that was reached and said no
// for a reason says more than one that was not meant.
int Weight(FallbackReason reason) {
  switch (reason) {
    case FallbackReason::kServerNotFound:
      return 1;
    case FallbackReason::kStaleEntry:
      return 2;
    case FallbackReason::kDirectoryRefused:
      return 3;
    case FallbackReason::kOtherNamespace:
      return 4;
    case FallbackReason::kWeRefusedUser:
      return 5;
    case FallbackReason::kProtocolMismatch:
      return 6;
    case FallbackReason::kServerShuttingDown:
      return 7;
    case FallbackReason::kHandshakeFailed:
      return 8;
    case FallbackReason::kHandshakeTimeout:
      return 9;
    default:
      return 10;
  }
}

void Keep(Fallback* best, Fallback fallback) {
  if (best->reason == FallbackReason::kNone || Weight(fallback.reason) > Weight(best->reason)) {
    *best = std::move(fallback);
  }
}

bool WasNotMeant(FallbackReason reason) {
  return reason == FallbackReason::kServerNotFound || reason == FallbackReason::kStaleEntry;
}

bool IsElsewhere(const Endpoint& target) {
  if (target.kind != EndpointKind::kTcp) return false;
  const auto local = IsLocalAddress(target.tcp);
  return local && !*local;
}

// An address of no interface here is another host's, or another network namespace's (a
// container's).
std::string Elsewhere(const Listing& listing, const std::string& text) {
  if (listing.strangers.empty()) return text;
  return text + "; should it be a container's: one of uid " +
         std::to_string(listing.strangers.front().folder->owner) +
         ", whom this side does not accept, offers this port";
}

// One line for a list of places.
std::string Listed(const std::vector<std::string>& items) {
  std::string out;
  for (const std::string& item : items) out += (out.empty() ? "" : ", ") + item;
  return out.empty() ? "none" : out;
}

// Why there is no candidate.
Fallback NoCandidate(const Listing& listing, const Endpoint& target, const std::string& text) {
  if (!listing.failed.empty()) return ToFallback(listing.failed.front());
  if (IsElsewhere(target)) return {FallbackReason::kNotLocalAddress, Elsewhere(listing, text)};
  if (!listing.strangers.empty()) {
    return {FallbackReason::kWeRefusedUser,
            "the server runs as uid " + std::to_string(listing.strangers.front().folder->owner)};
  }
  if (!listing.refused.empty()) {
    return {FallbackReason::kDirectoryRefused, ToString(listing.refused.front())};
  }
  if (!listing.any_base)
    return {FallbackReason::kNoRendezvousDirectory, "none is at " + Listed(listing.wanted)};
  return {FallbackReason::kServerNotFound, "no entry for " + text};
}

// Starts at a random one, so that the processes that share a port share the clients as well.
void Rotate(std::vector<Candidate>* candidates) {
  if (candidates->size() < 2) return;
  uint32_t random = 0;
  (void)!getrandom(&random, sizeof(random), GRND_NONBLOCK);
  const size_t start = random % candidates->size();
  std::rotate(candidates->begin(), candidates->begin() + static_cast<ptrdiff_t>(start),
              candidates->end());
}

std::variant<Connected, Fallback> TryAll(std::vector<Candidate> candidates,
                                         const ClientHello& hello, Clock::time_point deadline) {
  Rotate(&candidates);
  Fallback best;
  for (size_t i = 0; i < candidates.size(); ++i) {
    const auto now = Clock::now();
    if (i > 0 && now >= deadline) break;
    // A stopped server must leave time for the next one.
    const auto share = (deadline - now) / static_cast<int>(candidates.size() - i);
    auto outcome = TryCandidate(candidates[i], hello, now + share);
    if (auto* connected = std::get_if<Connected>(&outcome)) return std::move(*connected);
    Keep(&best, std::get<Fallback>(std::move(outcome)));
  }
  return best;
}

Fallback AddressFallback(const Error& error) {
  if (error.sys_errno == ENOENT || error.sys_errno == ENOTDIR) {
    return {FallbackReason::kServerNotFound, ToString(error)};
  }
  return ToFallback(error);
}

// The steps of one Connect(), told to whoever asked for them.
class Teller {
 public:
  explicit Teller(const Trace& trace) : trace_(trace) {}

  void Ok(const char* what, const std::string& detail) const {
    if (trace_) trace_({true, what, detail});
  }
  Fallback No(const char* what, Fallback fallback) const {
    if (trace_) trace_({false, what, fallback.detail});
    return fallback;
  }
  void Found(const Listing& listing) const {
    if (!trace_) return;
    trace_({listing.any_base, "rendezvous directories", Listed(listing.bases)});
    for (const Error& error : listing.refused) {
      trace_({false, "rendezvous directories", ToString(error)});
    }
    std::vector<std::string> entries;
    for (const Candidate& candidate : listing.candidates) {
      entries.push_back(candidate.folder->path + "/" + candidate.name);
    }
    trace_({!entries.empty(), "servers that may be meant", Listed(entries)});
  }

 private:
  const Trace& trace_;
};

}  // namespace

std::variant<Connected, Fallback> Connect(const Address& address, const Options& options,
                                          const std::string& request,
                                          std::chrono::milliseconds timeout) {
  // Bounded at both ends, so that no sum of times overflows.
  timeout = std::clamp<std::chrono::milliseconds>(timeout, std::chrono::milliseconds(0), kLongest);
  const auto deadline = Clock::now() + timeout;
  const std::string text = ToString(address);
  const Teller tell(options.trace);
  if (const auto setting = SwitchedOff(address, options.directory)) {
    return tell.No("switches", {FallbackReason::kSwitchedOff, *setting});
  }
  tell.Ok("switches", "SAMEHOST, SAMEHOST_EXCLUDE and samehost off leave " + text + " alone");
  if (request.size() > kMaxRequestBytes) {
    return Fallback{FallbackReason::kBadRingParameters, "the request is too long"};
  }
  if (!DescriptorsAllow(kSpareDescriptors)) {
    return tell.No("file descriptors",
                   {FallbackReason::kDescriptorsShort,
                    "fewer than " + std::to_string(kSpareDescriptors) + " are left"});
  }
  auto endpoint = ToEndpoint(address);
  if (!endpoint) return tell.No("the address", AddressFallback(endpoint.error()));
  ClientHello hello{
      .options = options, .target = AsTarget(*std::move(endpoint)), .request = request};
  hello.netns = CurrentNetns();
  hello.socket_file = SocketFile(address);
  Listing listing =
      FindEntries(options.directory, EntryPrefix(hello.target, hello.netns), options.access);
  tell.Found(listing);
  for (const auto& folder : listing.crowded) SweepAsClient(folder);
  if (listing.candidates.empty()) {
    return tell.No("the server", NoCandidate(listing, hello.target, text));
  }
  auto outcome = TryAll(std::move(listing.candidates), hello, deadline);
  const auto* fallback = std::get_if<Fallback>(&outcome);
  if (fallback != nullptr && WasNotMeant(fallback->reason) && IsElsewhere(hello.target)) {
    // Servers of this host have the port, but the address is another host's.
    return Fallback{FallbackReason::kNotLocalAddress, text};
  }
  return outcome;
}

}  // namespace samehost::rendezvous
