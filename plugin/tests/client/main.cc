// behaviour_client: a client in a process of its own, for tests that kill, stop, fork or limit it.
// Flags: --uid=N, --parent=PID, --stock (no samehost credentials), --directory=PATH,
// --allow_user=N, --ring=BYTES, --keepalive=MS, --timeout=MS (of a call).
// Commands on the control channel, each with one line of answer:
//   ping TARGET         a call on the process's channel to TARGET (made at first use): "OK" or the
//                       status code and message; the server's pid after "OK"
//   fresh TARGET        the same on a channel of its own that is gone afterwards
//   hold TARGET N       opens N streams, each with a message to and fro, and keeps them
//   flood TARGET        streams megabytes from a thread until the end of the process; "OK"
//   stats, fallbacks    as behaviour_server
//   limit N             no more than N further descriptors
//   fork                forks a child that does nothing and lives on; its pid
//   fork_exit           forks a child that leaves by exit(), destructors and all; "OK"
//   fork_call TARGET    forks a child that makes a call on a new channel; its answer and counters,
//                       or "no answer"
//   spawn TARGET        forks a child (which must come before this process uses gRPC) that calls
//   TARGET, opens
//                       a stream and then waits to be killed; two lines in any order: "PID pid",
//                       and "pid answer fallbacks"
//   reap PID            waits for a child; "OK"
#include <grpcpp/grpcpp.h>
#include <sys/wait.h>
#include <unistd.h>

#include <deque>
#include <map>
#include <sstream>
#include <thread>

#ifdef SAMEHOST_TESTS_WITH_SAMEHOST
#include <samehost/grpc.h>
#endif

#include "plugin/tests/behaviour.grpc.pb.h"
#include "plugin/tests/client/client_flags.h"
#include "plugin/tests/harness/control_channel.h"
#include "plugin/tests/harness/process_limits.h"

#ifdef __SANITIZE_ADDRESS__
// A child of fork has its parent's memory and none of the threads that held it: nothing can be said
// of its leaks.
static const pid_t g_started_as = getpid();
extern "C" int __lsan_is_turned_off() { return getpid() != g_started_as; }
#endif

namespace samehost::testing {
namespace {

using behaviour::Behaviour;
using behaviour::Reply;
using behaviour::Request;

std::shared_ptr<grpc::Channel> MakeChannel(const ClientFlags& flags, const std::string& target) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 200);
  if (flags.keepalive_ms != 0) arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, flags.keepalive_ms);
  auto credentials = grpc::InsecureChannelCredentials();
#ifdef SAMEHOST_TESTS_WITH_SAMEHOST
  if (!flags.stock) {
    Options options;
    options.directory = flags.directory;
    options.allowed_users = flags.allowed_users;
    if (flags.ring != 0) options.initial_ring_bytes = options.max_ring_bytes = flags.ring;
    credentials = ChannelCredentials(credentials, options);
  }
#endif
  return grpc::CreateCustomChannel(target, credentials, arguments);
}

std::string Call(const ClientFlags& flags, const std::shared_ptr<grpc::Channel>& channel) {
  auto stub = Behaviour::NewStub(channel);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::milliseconds(flags.timeout_ms));
  context.set_wait_for_ready(true);
  Request request;
  request.set_payload("ping");
  request.mutable_script()->set_report(true);
  Reply reply;
  grpc::Status status = stub->Unary(&context, request, &reply);
  if (!status.ok()) return std::to_string(status.error_code()) + " " + status.error_message();
  return "OK " + std::to_string(reply.report().pid());
}

// Streams that stay open until the process ends.
struct HeldStream {
  grpc::ClientContext context;
  std::unique_ptr<Behaviour::Stub> stub;
  std::unique_ptr<grpc::ClientReaderWriter<Request, Reply>> stream;
};

class Client {
 public:
  Client(ClientFlags flags, ControlChannel* control)
      : flags_(std::move(flags)), control_(control) {}

  // False for "exit" and for what it does not know.
  bool Command(const std::string& line) {
    std::istringstream in(line);
    std::string verb, target;
    in >> verb >> target;
    std::string answer = Answer(verb, target, in);
    if (answer.empty()) return false;
    control_->Write(answer);
    return true;
  }

 private:
  std::string Answer(const std::string& verb, const std::string& target, std::istream& more) {
    if (verb == "ping") return Call(flags_, Channel(target));
    if (verb == "fresh") return Call(flags_, MakeChannel(flags_, target));
    if (verb == "hold") {
      int count = 0;
      more >> count;
      while (count-- > 0) Hold(Channel(target));
      return "OK";
    }
    if (verb == "flood") return Flood(target);
    if (verb == "stats") return Stats();
    if (verb == "fallbacks") return Fallbacks();
    if (verb == "limit") return LimitDescriptors(std::stoi(target)), "OK";
    if (verb == "fork") return std::to_string(ForkIdleChild());
    if (verb == "fork_exit") return InChild([] { exit(0); });
    if (verb == "fork_call") return ForkCall(target);
    if (verb == "spawn") return Spawn(target);
    if (verb == "reap") return Reap(std::stoi(target));
    return "";
  }

  std::shared_ptr<grpc::Channel> Channel(const std::string& target) {
    auto& channel = channels_[target];
    if (channel == nullptr) channel = MakeChannel(flags_, target);
    return channel;
  }

  void Hold(const std::shared_ptr<grpc::Channel>& channel) {
    HeldStream& held = streams_.emplace_back();
    held.stub = Behaviour::NewStub(channel);
    held.stream = held.stub->BidiStream(&held.context);
    Reply reply;
    held.stream->Write(Request());
    held.stream->Read(&reply);
  }

  std::string Flood(const std::string& target) {
    std::thread([channel = Channel(target)] {
      for (;;) {
        auto stub = Behaviour::NewStub(channel);
        grpc::ClientContext context;
        context.set_wait_for_ready(true);
        auto stream = stub->BidiStream(&context);
        Request request;
        request.set_payload(std::string(1 << 20, 'f'));
        Reply reply;
        while (stream->Write(request) && stream->Read(&reply)) {
        }
        stream->Finish();
      }
    }).detach();
    return "OK";
  }

  static std::string Stats() {
#ifdef SAMEHOST_TESTS_WITH_SAMEHOST
    LinkStats stats = samehost::Stats();
    std::ostringstream out;
    out << "links_opened=" << stats.links_opened << " links_live=" << stats.links_live
        << " fallbacks=" << stats.fallbacks << " messages_sent=" << stats.messages_sent
        << " messages_received=" << stats.messages_received
        << " memory_bytes=" << stats.memory_bytes;
    return out.str();
#else
    return "links_opened=0";
#endif
  }

  static std::string Fallbacks() {
    std::string text = "|";
#ifdef SAMEHOST_TESTS_WITH_SAMEHOST
    for (const FallbackInfo& info : RecentFallbacks()) {
      if (info.reason == "none") continue;  // shared memory is used
      text += info.address + " " + info.reason + " " + info.detail + "|";
    }
#endif
    return text;
  }

  template <typename Action>
  static std::string InChild(Action action) {
    pid_t child = fork();
    if (child == 0) action();
    return Reap(child);
  }

  static std::string Reap(pid_t child) {
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? "OK"
                                                         : "status " + std::to_string(status);
  }

  std::string ForkCall(const std::string& target) {
    int pipe_ends[2];
    if (pipe(pipe_ends) != 0) return "pipe failed";
    pid_t child = fork();
    if (child == 0) {
      alarm(3);  // ends a child in which gRPC hangs
      std::string answer = Call(flags_, MakeChannel(flags_, target));
      answer += " " + Stats();
      [[maybe_unused]] ssize_t put = write(pipe_ends[1], answer.data(), answer.size());
      _exit(0);
    }
    close(pipe_ends[1]);
    std::string answer;
    char buffer[512];
    for (ssize_t got; (got = read(pipe_ends[0], buffer, sizeof(buffer))) > 0;) {
      answer.append(buffer, static_cast<size_t>(got));
    }
    close(pipe_ends[0]);
    Reap(child);
    return answer.empty() ? "no answer" : answer;
  }

  std::string Spawn(const std::string& target) {
    pid_t self = getpid();
    pid_t child = fork();
    if (child == 0) {
      DieWithParent(self);
      auto channel = MakeChannel(flags_, target);
      std::string answer = Call(flags_, channel);
      Hold(channel);
      control_->Write(std::to_string(getpid()) + " " + answer + " " + Fallbacks());
      for (;;) pause();
    }
    // The child has answered for us, on the same control channel.
    return "PID " + std::to_string(child);
  }

  ClientFlags flags_;
  ControlChannel* control_;
  std::map<std::string, std::shared_ptr<grpc::Channel>> channels_;
  std::deque<HeldStream> streams_;
};

int Main(int argc, char** argv) {
  ClientFlags flags = ParseClientFlags(argc, argv);
  DieWithParent(flags.parent);
  if (flags.uid >= 0) BecomeUser(flags.uid);
  ControlChannel control(ControlChannel::kChildDescriptor);
  // Never destroyed: the process may end with calls under way.
  auto* client = new Client(flags, &control);
  for (std::string line; control.Read(&line) && client->Command(line);) {
  }
  _exit(0);
}

}  // namespace
}  // namespace samehost::testing

int main(int argc, char** argv) { return samehost::testing::Main(argc, argv); }
