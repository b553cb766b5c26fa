#include "plugin/zmq/connector.h"

#include <pthread.h>
#include <signal.h>

#include <chrono>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>

#include "plugin/base/fork_guard.h"
#include "plugin/zmq/settings.h"

namespace samehost::zmq_transport {
namespace {

constexpr std::chrono::milliseconds kTimeout{1000};

struct Job {
  std::string name;
  std::string token;
  std::shared_ptr<Ticket> ticket;
};

// Never destroyed: the thread may outlive main().
struct Jobs {
  std::mutex mutex;
  std::deque<Job> waiting;
  bool running = false;
  uint64_t generation = ForkGeneration();
};

Jobs& AllJobs() {
  static Jobs* jobs = new Jobs;
  if (jobs->generation != ForkGeneration()) jobs = new Jobs;
  return *jobs;
}

void Do(const Job& job) {
  const rendezvous::Address address = rendezvous::NamedAddress(job.name);
  auto outcome = rendezvous::Connect(address, RendezvousOptions(), job.token, kTimeout);
  job.ticket->Put(std::move(outcome));
}

void Run(Jobs* jobs) {
  // Signals are for the program's own threads.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  for (;;) {
    Job job;
    {
      std::lock_guard lock(jobs->mutex);
      if (jobs->waiting.empty()) {
        jobs->running = false;
        return;
      }
      job = std::move(jobs->waiting.front());
      jobs->waiting.pop_front();
    }
    Do(job);
  }
}

}  // namespace

void ConnectInBackground(const std::string& name, const std::string& token,
                         std::shared_ptr<Ticket> ticket) {
  Jobs& jobs = AllJobs();
  std::lock_guard lock(jobs.mutex);
  jobs.waiting.push_back({name, token, std::move(ticket)});
  if (jobs.running) return;
  try {
    std::thread(Run, &jobs).detach();
    jobs.running = true;
  } catch (const std::system_error& error) {
    for (const Job& job : jobs.waiting) {
      job.ticket->Put(Fallback{FallbackReason::kSystemError,
                               std::string("a thread for the rendezvous: ") + error.what()});
    }
    jobs.waiting.clear();
  }
}

}  // namespace samehost::zmq_transport
