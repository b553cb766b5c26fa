#include "plugin/bench/menu/worker.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <future>
#include <optional>

#include "plugin/bench/menu/adapters/signals.h"
#include "plugin/bench/menu/side.h"
#include "plugin/bench/message_pipe.h"

namespace samehost::bench::menu {
namespace {

using nlohmann::json;

void PinThread(pid_t thread, const std::vector<int>& cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (int cpu : cpus) CPU_SET(cpu, &set);
  if (::sched_setaffinity(thread, sizeof(set), &set) != 0 && errno != ESRCH) FailErrno("pin");
}

void PinProcess(const std::vector<int>& cpus) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
    PinThread(std::stoi(entry.path().filename()), cpus);
  }
}

json ToJson(const RunResult& result) {
  const auto& samples = result.samples.nanoseconds();
  const auto* bytes = reinterpret_cast<const uint8_t*>(samples.data());
  return {{"wall_ns", result.wall_ns},
          {"cpu_ns", result.cpu_ns},
          {"sleeps", result.sleeps},
          {"samples", json::binary({bytes, bytes + samples.size() * sizeof(samples[0])})}};
}

// One end, and the socket on which it meets the other one.
class End {
 public:
  End(Role role, const WorkerOptions& options, UniqueFd socket)
      : role_(role), options_(options), peer_(std::move(socket)) {}

  void Open() {
    const Opener opener = FindOpener(options_.mechanism);
    if (opener == nullptr) throw BenchFailure("this program has no " + options_.mechanism);
    side_.emplace(role_, opener({role_, options_.directory, options_.token, peer_}));
    peer_.Meet();
  }
  RunResult Run(const RunSpec& spec) { return side_.value().Run(spec); }
  Channel& channel() { return side_.value().channel(); }

 private:
  const Role role_;
  const WorkerOptions& options_;
  Peer peer_;
  std::optional<Side> side_;
};

// A thread with one end, for the process that has both: a channel is used by one thread for good.
class EndThread {
 public:
  explicit EndThread(End& end) : end_(end), thread_([this] { Loop(); }) {}
  ~EndThread() {
    Post([](End&) { return false; });
    thread_.join();
  }
  // Runs `work` there.
  template <typename Work>
  auto Do(Work work) {
    using Value = std::invoke_result_t<Work, End&>;
    auto task = std::make_shared<std::packaged_task<Value(End&)>>(std::move(work));
    std::future<Value> future = task->get_future();
    Post([task](End& end) {
      (*task)(end);
      return true;
    });
    return future;
  }

 private:
  void Post(std::function<bool(End&)> job) {
    const std::lock_guard lock(mutex_);
    job_ = std::move(job);
    changed_.notify_one();
  }
  void Loop() {
    for (bool more = true; more;) {
      std::function<bool(End&)> job;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return job_ != nullptr; });
        job = std::exchange(job_, nullptr);
      }
      more = job(end_);
    }
  }

  End& end_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::function<bool(End&)> job_;
  std::thread thread_;
};

class Worker {
 public:
  explicit Worker(const WorkerOptions& options) {
    if (options.role != "both") {
      const Role role = options.role == "server" ? Role::kServer : Role::kClient;
      own_ = std::make_unique<End>(role, options, UniqueFd(options.peer_fd));
      return;
    }
    auto [first, second] = Peer::Pair();
    own_ = std::make_unique<End>(Role::kClient, options, std::move(first));
    server_ = std::make_unique<End>(Role::kServer, options, std::move(second));
    server_thread_ = std::make_unique<EndThread>(*server_);
  }

  json Execute(const json& command) {
    const std::string name = command.at("command");
    if (name == "open") return Open();
    if (name == "run") return Run(command.at("spec").get<RunSpec>());
    if (name == "pin") return Pin(command.at("cpus").get<std::vector<int>>());
    if (name == "pin_ends") return PinEnds(command.at("server"), command.at("client"));
    if (name == "brokers") return {{"pids", own_->channel().Brokers()}};
    if (name == "prove") {
      own_->channel().Prove();
      return json::object();
    }
    throw BenchFailure("unknown command " + name);
  }

 private:
  json Open() {
    if (!server_thread_) {
      own_->Open();
      return json::object();
    }
    auto server = server_thread_->Do([](End& end) { end.Open(); });
    own_->Open();
    server.get();
    return json::object();
  }

  json Run(const RunSpec& spec) {
    if (!server_thread_) return ToJson(own_->Run(spec));
    auto server = server_thread_->Do([spec](End& end) { return end.Run(spec); });
    const RunResult result = own_->Run(spec);
    server.get();
    return ToJson(result);
  }

  static json Pin(const std::vector<int>& cpus) {
    PinProcess(cpus);
    return json::object();
  }

  json PinEnds(int server, int client) {
    server_thread_->Do([server](End&) { PinThread(0, {server}); }).get();
    PinThread(0, {client});
    return json::object();
  }

  std::unique_ptr<End> own_;
  std::unique_ptr<End> server_;
  std::unique_ptr<EndThread> server_thread_;
};

}  // namespace

CLI::App* AddWorkerCommand(CLI::App& app, WorkerOptions& options) {
  CLI::App* worker = app.add_subcommand(kWorkerCommand, "A process of `menu`")->group("");
  worker->add_option("--mechanism", options.mechanism)->required();
  worker->add_option("--role", options.role)->required();
  worker->add_option("--directory", options.directory)->required();
  worker->add_option("--token", options.token)->required();
  worker->add_option("--peer-fd", options.peer_fd);
  worker->add_option("--control-fd", options.control_fd)->required();
  return worker;
}

void RunWorker(const WorkerOptions& options) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::signal(SIGPIPE, SIG_IGN);
  // They came through exec; nobody else may keep them open.
  for (int fd : {options.control_fd, options.peer_fd}) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  BlockWakeUpSignals();
  MessagePipe pipe{UniqueFd(options.control_fd)};
  Worker worker(options);
  while (const std::optional<json> command = pipe.Receive()) {
    try {
      pipe.Send(worker.Execute(*command));
    } catch (const std::exception& failure) {
      pipe.Send({{"error", failure.what()}});
      break;  // and by that the other end learns that it waits in vain
    }
  }
  // Without tearing down: nothing of it is measured, and the controller waits.
  ::_exit(0);
}

}  // namespace samehost::bench::menu
