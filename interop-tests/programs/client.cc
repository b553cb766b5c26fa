#include "interop-tests/programs/client.h"

#include <atomic>
#include <chrono>
#include <iostream>
#include <map>
#include <mutex>
#include <sstream>
#include <thread>
#include <vector>

#include "interop-tests/programs/counters.h"
#include "interop-tests/programs/journal.h"

namespace samehost::interop {
namespace {

using nlohmann::json;

// What came of some calls. Any thread.
class Tally {
 public:
  void Add(const Outcome& outcome) {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++statuses_[std::to_string(outcome.code)];
    if (outcome.code == kOk) {
      ++servers_[outcome.server];
      last_ = outcome;
    } else {
      error_ = outcome.error;
      const std::chrono::duration<double> since = std::chrono::steady_clock::now() - began_;
      std::ostringstream text;
      text.precision(3);
      text << std::fixed << since.count() << " s: " << outcome.error;
      if (errors_.size() < kMaxErrors) errors_.push_back(text.str());
    }
  }

  json ToJson() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return {{"statuses", statuses_}, {"servers", servers_},
            {"error", error_},       {"errors", errors_},
            {"peer", last_.peer},    {"peer_properties", last_.peer_properties}};
  }

 private:
  static constexpr size_t kMaxErrors = 100;

  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::mutex mutex_;
  std::map<std::string, int> statuses_, servers_;
  Outcome last_;
  std::string error_;                // the last one
  std::vector<std::string> errors_;  // the first ones, and when
};

class Client {
 public:
  Client(const Flags& flags, const Protocol& protocol)
      : protocol_(protocol),
        name_(flags.name),
        patience_s_(flags.patience_s),
        journal_(flags.journal) {}
  ~Client() { Stop(); }

  json Do(const std::string& line) {
    std::istringstream words(line);
    std::string verb;
    words >> verb;
    json answer = json::object();
    if (verb == "call") {
      int count = 0;
      size_t bytes = 0;
      words >> count >> bytes;
      answer = CallMany(count, bytes);
    } else if (verb == "kinds") {
      answer["kinds"] = protocol_.try_kinds();
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

 private:
  json CallMany(int count, size_t bytes) {
    if (caller_ == nullptr) caller_ = protocol_.make_caller();
    Tally tally;
    for (int i = 0; i < count; ++i) Call(caller_.get(), bytes, &tally);
    return tally.ToJson();
  }

  void Call(Caller* caller, size_t bytes, Tally* tally) {
    const std::string id = name_.empty() ? "" : name_ + "-" + std::to_string(++ids_);
    const Outcome outcome = caller->Call(id, bytes, patience_s_);
    if (outcome.code == kOk) journal_.Add(id);
    tally->Add(outcome);
  }

  void Start(int count, int pause_ms) {
    stop_ = false;
    for (int i = 0; i < count; ++i) {
      threads_.emplace_back([this, pause_ms] {
        const auto caller = protocol_.make_caller();
        while (!stop_) {
          Call(caller.get(), 100, &background_);
          std::this_thread::sleep_for(std::chrono::milliseconds(pause_ms));
        }
      });
    }
  }

  void Stop() {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  const Protocol protocol_;
  const std::string name_;
  int patience_s_;  // not changed while there are threads
  Journal journal_;
  std::unique_ptr<Caller> caller_;
  std::atomic<uint64_t> ids_{0};
  std::atomic<bool> stop_{false};
  std::vector<std::thread> threads_;
  Tally background_;
};

}  // namespace

int RunClient(const Flags& flags, const Protocol& protocol) {
  Client client(flags, protocol);
  for (std::string line; std::getline(std::cin, line);) {
    std::cout << client.Do(line).dump() << std::endl;
  }
  return 0;
}

}  // namespace samehost::interop
