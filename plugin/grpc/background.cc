#include "plugin/grpc/background.h"

#include <pthread.h>

#include <system_error>
#include <thread>
#include <utility>

namespace samehost::grpc_transport {

Background& Background::Get() {
  static Background* background = new Background;
  return *background;
}

Background::Task Background::RunAfter(std::chrono::milliseconds delay, std::function<void()> run) {
  std::lock_guard lock(state_->mutex);
  const Task task{Clock::now() + delay, ++state_->last_number};
  const bool first = state_->tasks.empty() || task < state_->tasks.begin()->first;
  state_->tasks.emplace(task, std::move(run));
  if (!state_->started) {
    try {
      std::thread(&Background::Loop, state_).detach();
      state_->started = true;
    } catch (const std::system_error&) {
      // No thread to be had: what there is to do waits until there is one.
    }
  } else if (first) {
    state_->changed.notify_one();
  }
  return task;
}

bool Background::Cancel(const Task& task) {
  std::lock_guard lock(state_->mutex);
  return state_->tasks.erase(task) > 0;
}

void Background::Loop(State* state) {
  pthread_setname_np(pthread_self(), "samehost-later");
  std::unique_lock lock(state->mutex);
  for (;;) {
    if (state->tasks.empty()) {
      state->changed.wait(lock);
      continue;
    }
    const auto first = state->tasks.begin();
    // A copy: while this waits, and still reads it, the task may be cancelled.
    const Clock::time_point due = first->first.due;
    if (due > Clock::now()) {
      state->changed.wait_until(lock, due);
      continue;
    }
    const std::function<void()> run = std::move(first->second);
    state->tasks.erase(first);
    lock.unlock();
    run();
    lock.lock();
  }
}

void Background::ResetInChild() { state_ = new State; }

}  // namespace samehost::grpc_transport
