#include "plugin/cli/explain.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <variant>

#include "plugin/cli/exit_code.h"
#include "plugin/cli/explain_text.h"
#include "plugin/cli/explain_zmq.h"
#include "plugin/cli/listener_process.h"
#include "plugin/cli/snapshot.h"
#include "plugin/cli/target.h"
#include "plugin/grpc/security_profile.h"
#include "plugin/rendezvous/access_variables.h"

namespace samehost::cli {
namespace {

using grpc_transport::ClassOf;
using grpc_transport::SecurityKind;
using grpc_transport::SecurityProfile;
using rendezvous::TraceStep;

// As long as gRPC's connector waits.
constexpr std::chrono::milliseconds kTimeout{2000};

SecurityProfile ProfileFor(const ExplainOptions& options, const rendezvous::Address& address) {
  SecurityProfile profile;
  profile.replace_tls = options.replace_tls;
  profile.type_name = "Insecure";
  if (options.credentials == "tls") {
    profile.kind = SecurityKind::kTls;
    profile.type_name = "Ssl";
  } else if (options.credentials == "local") {
    const bool unix_socket = address.storage.ss_family == AF_UNIX;
    profile.kind = unix_socket ? SecurityKind::kLocalUnix : SecurityKind::kLocalTcp;
    profile.type_name = "Local";
  }
  return profile;
}

std::string Sentence(const Fallback& fallback) {
  return std::string(Name(fallback.reason)) +
         (fallback.detail.empty() ? "" : ": " + fallback.detail);
}

std::string Describe(const ListenerProcess& listener, const std::string& protocol) {
  if (!listener.known) return "who listens there cannot be told from here";
  if (!listener.listens) return "nobody";
  if (!listener.process) return "a process of another user";
  std::string out = std::to_string(listener.process->pid) + " " + listener.process->name;
  if (listener.process->state == 'T') out += ", which is stopped";
  const bool zmq = protocol == "zmq";
  if (zmq ? listener.has_samehost_zmq : listener.has_samehost) return out + ", with samehost";
  if (listener.under_run) {
    return out + ", under samehost run, its " + (zmq ? "ZeroMQ" : "gRPC") + " not served";
  }
  return out + ", without samehost";
}

// One socket address, the way the connector goes (plugin/grpc/connector.cc): the credentials, the
// rendezvous, the server's introduction.
class Walk {
 public:
  Walk(const ExplainOptions& options, const Target& target, const rendezvous::Address& address)
      : options_(options), target_(target), address_(address) {
    report_.address = rendezvous::ToString(address);
  }

  AddressReport Go() {
    const ListenerProcess listener = FindListenerProcess(address_);
    report_.no_listener = listener.known && !listener.listens;
    Add({!report_.no_listener, "who listens there", Describe(listener, target_.protocol)});
    report_.outcome = target_.protocol == "grpc" ? Decide()
                                                 : DecideZmq(address_, target_.is_shm, listener,
                                                             options_.directory, Tracer());
    return std::move(report_);
  }

 private:
  rendezvous::Trace Tracer() {
    return [this](const TraceStep& step) { Add(step); };
  }
  void Add(TraceStep step) { report_.steps.push_back(std::move(step)); }

  Fallback Decide() {
    const SecurityProfile profile = ProfileFor(options_, address_);
    Fallback own = grpc_transport::CheckOwn(profile, ClassOf(address_));
    const bool suits = own.reason == FallbackReason::kNone;
    Add({suits, "the client's credentials",
         options_.credentials +
             (suits ? ": shared memory may stand in for them" : ": " + own.detail)});
    if (!suits) return own;
    rendezvous::Options options;
    options.directory = options_.directory;
    options.protocol = target_.protocol;
    options.access = rendezvous::AccessFromEnvironment();  // as of a program under samehost run
    options.probe = true;
    options.trace = Tracer();
    const std::string request = grpc_transport::Encode({profile, ClassOf(address_)});
    auto outcome = rendezvous::Connect(address_, options, request, kTimeout);
    if (auto* fallback = std::get_if<Fallback>(&outcome)) return std::move(*fallback);
    Fallback reply = grpc_transport::CheckReply(profile, ClassOf(address_),
                                                std::get<rendezvous::Connected>(outcome).message);
    const bool ok = reply.reason == FallbackReason::kNone;
    Add({ok, "the server's credentials", ok ? "they go with the client's" : reply.detail});
    return reply;
  }

  const ExplainOptions& options_;
  const Target& target_;
  const rendezvous::Address& address_;
  AddressReport report_;
};

// A client stays with the first address at which somebody answers.
void Conclude(Explanation* explanation) {
  for (const AddressReport& report : explanation->reports) {
    if (report.no_listener) continue;
    explanation->reached = true;
    explanation->outcome = report.outcome;
    return;
  }
  explanation->outcome = {FallbackReason::kServerNotFound, "nobody listens there"};
}

void NoteList(const Target& target, Explanation* explanation) {
  if (!target.is_list) return;
  explanation->notes.push_back(
      "of a list a client takes the first address at which somebody answers (pick_first); with "
      "another load balancing policy (round_robin) it connects to each");
}

// gRPC's C core sends even connections to this host through a proxy unless it is told not to.
void NoteProxy(Explanation* explanation) {
  if (explanation->protocol != "grpc") return;
  for (const char* name : {"grpc_proxy", "https_proxy", "http_proxy"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == 0) continue;
    explanation->notes.push_back(std::string(name) + "=" + Printable(value) +
                                 " is set here: gRPC connects through that proxy, and then over a "
                                 "socket, unless no_grpc_proxy or no_proxy excepts the address");
    return;
  }
}

// gRPC without the polling engine that samehost goes along with.
void NotePolling(Explanation* explanation) {
  const char* value = std::getenv("GRPC_POLL_STRATEGY");
  if (explanation->protocol != "grpc" || value == nullptr || *value == 0) return;
  const std::string text = value;
  if (text == "all" || text.find("epoll1") != std::string::npos) return;
  explanation->notes.push_back("GRPC_POLL_STRATEGY=" + Printable(text) + " is set here: " +
                               std::string(Explain(FallbackReason::kPollingEngine, "grpc")));
}

// What processes that run now decided for these addresses.
void NoteDecisions(Explanation* explanation) {
  for (const ObservedDecision& decision : TakeSnapshot().decisions) {
    for (const AddressReport& report : explanation->reports) {
      if (decision.record.address != report.address ||
          decision.record.protocol != explanation->protocol) {
        continue;
      }
      const bool listening = decision.record.side == rendezvous::DecisionSide::kListening;
      explanation->notes.push_back(
          std::to_string(decision.process.pid) + " " + decision.process.name + " (" +
          (listening ? "server" : "client") + ") last decided for " + report.address + ": " +
          (decision.record.reason == FallbackReason::kNone
               ? "shared memory"
               : Sentence({decision.record.reason, decision.record.detail})));
    }
  }
}

}  // namespace

int Explain(const ExplainOptions& options) {
  const Result<Target> target = ParseTarget(options.address, options.directory);
  if (!target) {
    std::fprintf(stderr, "samehost explain: %s\n", target.error().operation.c_str());
    return target.error().code == ErrorCode::kNotFound ? kNo : kUsage;
  }
  Explanation explanation;
  explanation.address = target->text;
  explanation.protocol = target->protocol;
  explanation.notes = target->notes;
  for (const rendezvous::Address& address : target->addresses) {
    explanation.reports.push_back(Walk(options, *target, address).Go());
    // Of one name's addresses a client stays with the first; of a list the user wants to know each.
    if (!explanation.reports.back().no_listener && !target->is_list) break;
  }
  Conclude(&explanation);
  NoteList(*target, &explanation);
  NoteProxy(&explanation);
  NotePolling(&explanation);
  NoteDecisions(&explanation);
  const std::string text =
      options.json ? ExplanationJson(explanation) : ExplanationText(explanation);
  std::fputs(text.c_str(), stdout);
  const bool shared = explanation.reached && explanation.outcome.reason == FallbackReason::kNone;
  return shared ? kOk : kNo;
}

}  // namespace samehost::cli
