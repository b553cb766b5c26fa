// interop-grpc-client: one channel to --target, and what is to be done on it, line by line from
// stdin. Each line is answered by one line of JSON, with counters.h in it and:
//   call COUNT BYTES      unary calls one after the other: `statuses` {code: how often}, `servers`
//                         {name: how often}, `peer` and `peer_properties` (the client, as the last
//                         server saw it), `error` (the last)
//   kinds                 `kinds`: grpc_kinds.h
//   start THREADS PAUSE   calls from so many threads, PAUSE milliseconds apart, until `stop`
//   tally                 what these have done so far, as for `call`
//   stop                  the same, at the end of it
//   counters              nothing else
//   patience SECONDS      how long each call waits for a server
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <atomic>
#include <iostream>
#include <map>
#include <mutex>
#include <sstream>
#include <thread>

#include "interop-tests/programs/counters.h"
#include "interop-tests/programs/flags.h"
#include "interop-tests/programs/grpc_credentials.h"
#include "interop-tests/programs/grpc_kinds.h"
#include "interop-tests/programs/interop.grpc.pb.h"
#include "interop-tests/programs/journal.h"

namespace samehost::interop {
namespace {

using nlohmann::json;

// What came of some calls. Any thread.
class Tally {
 public:
  void Add(const grpc::Status& status, const Reply& reply) {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++statuses_[std::to_string(status.error_code())];
    if (status.ok()) {
      ++servers_[reply.server()];
      last_ = reply;
    } else {
      error_ = status.error_message();
    }
  }

  json ToJson() {
    const std::lock_guard<std::mutex> lock(mutex_);
    json properties = json::object();
    for (const auto& [key, value] : last_.peer_properties()) properties[key] = value;
    return {{"statuses", statuses_},
            {"servers", servers_},
            {"error", error_},
            {"peer", last_.peer()},
            {"peer_properties", properties}};
  }

 private:
  std::mutex mutex_;
  std::map<std::string, int> statuses_, servers_;
  Reply last_;
  std::string error_;
};

std::shared_ptr<grpc::Channel> MakeChannel(const Flags& flags) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 500);
  arguments.SetInt(GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS, 500);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  if (flags.round_robin) arguments.SetLoadBalancingPolicyName("round_robin");
  return grpc::CreateCustomChannel(flags.target, ClientCredentials(flags), arguments);
}

class Client {
 public:
  explicit Client(const Flags& flags)
      : name_(flags.name),
        patience_s_(flags.patience_s),
        journal_(flags.journal),
        stub_(Interop::NewStub(MakeChannel(flags))) {}

  json Do(const std::string& line) {
    std::istringstream words(line);
    std::string verb;
    words >> verb;
    json answer = json::object();
    if (verb == "call") {
      int count = 0;
      size_t bytes = 0;
      words >> count >> bytes;
      Tally tally;
      for (int i = 0; i < count; ++i) Call(bytes, &tally);
      answer = tally.ToJson();
    } else if (verb == "kinds") {
      answer["kinds"] = TryKinds(stub_.get());
    } else if (verb == "start") {
      int threads = 0, pause_ms = 0;
      words >> threads >> pause_ms;
      Start(threads, pause_ms);
    } else if (verb == "patience") {
      words >> patience_s_;
    } else if (verb == "tally") {
      answer = background_.ToJson();
    } else if (verb == "stop") {
      Stop();
      answer = background_.ToJson();
    } else if (verb != "counters") {
      return {{"unknown", line}};
    }
    answer.update(Counters());
    return answer;
  }

  void Stop() {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

 private:
  void Call(size_t bytes, Tally* tally) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(patience_s_));
    context.set_wait_for_ready(true);
    Request request;
    request.set_payload(std::string(bytes, 'c'));
    const std::string id = name_ + "-" + std::to_string(++ids_);
    if (!name_.empty()) request.set_id(id);
    Reply reply;
    const grpc::Status status = stub_->Unary(&context, request, &reply);
    if (status.ok()) journal_.Add(request.id());
    tally->Add(status, reply);
  }

  void Start(int count, int pause_ms) {
    stop_ = false;
    for (int i = 0; i < count; ++i) {
      threads_.emplace_back([this, pause_ms] {
        while (!stop_) {
          Call(100, &background_);
          std::this_thread::sleep_for(std::chrono::milliseconds(pause_ms));
        }
      });
    }
  }

  const std::string name_;
  int patience_s_;  // not changed while there are threads
  Journal journal_;
  std::unique_ptr<Interop::Stub> stub_;
  std::atomic<uint64_t> ids_{0};
  std::atomic<bool> stop_{false};
  std::vector<std::thread> threads_;
  Tally background_;
};

int Main(int argc, char** argv) {
  Client client(ParseFlags(argc, argv));
  for (std::string line; std::getline(std::cin, line);) {
    std::cout << client.Do(line).dump() << std::endl;
  }
  client.Stop();
  return 0;
}

}  // namespace
}  // namespace samehost::interop

int main(int argc, char** argv) { return samehost::interop::Main(argc, argv); }
