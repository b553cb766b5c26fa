// The commands of zmq-test-peer that wait: polling, proxies, threads and monitors.
#include <poll.h>
#include <zmq.h>

#include <atomic>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "plugin/zmq/testing/peer.h"

namespace samehost::zmq_transport::testing {
namespace {

// ---- Polling ---------------------------------------------------------------------------------

// zmq_poller is draft API, which the distribution does not build; so there is none to be tried.
std::string Poll(Words& words) {
  const short events = words.Text() == "in" ? ZMQ_POLLIN : ZMQ_POLLOUT;
  const auto wait_ms = static_cast<long>(words.Number());
  std::vector<std::string> names;
  std::vector<zmq_pollitem_t> items;
  for (std::string name; words.Next(&name);) {
    names.push_back(name);
    items.push_back({ThePeer().sockets.at(name), 0, events, 0});
  }
  if (zmq_poll(items.data(), static_cast<int>(items.size()), wait_ms) < 0) return Error();
  std::string ready = "ready";
  for (size_t i = 0; i < items.size(); ++i) {
    if (items[i].revents != 0) ready += " " + names[i];
  }
  return ready;
}

bool WaitForDescriptor(int wait_ms) {
  int descriptor = -1;
  size_t bytes = sizeof(descriptor);
  zmq_getsockopt(ThePeer().Socket(), ZMQ_FD, &descriptor, &bytes);
  pollfd polled = {descriptor, POLLIN, 0};
  return poll(&polled, 1, wait_ms) > 0;
}

bool MayReceive() {
  int events = 0;
  size_t bytes = sizeof(events);
  zmq_getsockopt(ThePeer().Socket(), ZMQ_EVENTS, &events, &bytes);
  return (events & ZMQ_POLLIN) != 0;
}

// As an event loop of the program's own does it.
std::string ReceiveByDescriptor(Words& words) {
  const auto count = static_cast<uint64_t>(words.Number());
  const auto wait_ms = static_cast<int>(words.Number());
  uint64_t first = 0, last = 0, got = 0;
  const auto answer = [&] {
    return "got " + std::to_string(got) + " first " + std::to_string(first) + " last " +
           std::to_string(last);
  };
  while (got < count) {
    if (!MayReceive()) {
      if (!WaitForDescriptor(wait_ms)) return answer();
      continue;
    }
    uint64_t bytes[128] = {};
    if (zmq_recv(ThePeer().Socket(), bytes, sizeof(bytes), ZMQ_DONTWAIT) < 0) return Error();
    last = bytes[0];
    if (got++ == 0) first = last;
    if (last != first + got - 1) return answer() + " out of order";
  }
  return answer();
}

// ---- Proxies ---------------------------------------------------------------------------------

std::thread proxy;
std::atomic<int> proxy_result{0};
void* steering = nullptr;

std::string StartProxy(Words& words, bool steerable) {
  void* front = ThePeer().sockets.at(words.Text());
  void* back = ThePeer().sockets.at(words.Text());
  void* control = nullptr;
  if (steerable) {
    control = zmq_socket(ThePeer().Context(), ZMQ_PAIR);
    steering = zmq_socket(ThePeer().Context(), ZMQ_PAIR);
    zmq_bind(control, "inproc://steering");
    zmq_connect(steering, "inproc://steering");
  }
  proxy = std::thread([=] {
    proxy_result = steerable ? zmq_proxy_steerable(front, back, nullptr, control)
                             : zmq_proxy(front, back, nullptr);
    zmq_close(front);
    zmq_close(back);
    if (control != nullptr) zmq_close(control);
  });
  return "ok";
}

int PatchOfVersion() {
  int major = 0, minor = 0, patch = 0;
  zmq_version(&major, &minor, &patch);
  return patch;
}

// What libzmq 4.3.5 understands by it: it takes RESUME for PAUSE and the other way round, and
// answers every word with an empty message (its proxy.cpp, handle_control).
std::string Steer(Words& words) {
  std::string word = words.Text();
  const bool swaps = PatchOfVersion() >= 5;
  if (swaps && word == "PAUSE") {
    word = "RESUME";
  } else if (swaps && word == "RESUME") {
    word = "PAUSE";
  }
  if (zmq_send(steering, word.data(), word.size(), 0) < 0) return Error();
  char answer[1];
  return !swaps || zmq_recv(steering, answer, sizeof(answer), 0) == 0 ? "ok" : Error();
}

// What has come in and gone out at the front, then at the back, each in messages and in bytes.
// libzmq 4.3.5 counts the parts of messages: "counted_parts".
std::string Statistics(Words&) {
  if (zmq_send(steering, "STATISTICS", 10, 0) < 0) return Error();
  std::string answer = PatchOfVersion() >= 5 ? "counted_parts" : "counted";
  for (int i = 0; i < 8; ++i) {
    uint64_t number = 0;
    if (zmq_recv(steering, &number, sizeof(number), 0) != sizeof(number)) return Error();
    answer += " " + std::to_string(number);
  }
  return answer;
}

std::string AwaitProxy(Words&) {
  proxy.join();
  if (steering != nullptr) zmq_close(steering);
  return "proxied " + std::to_string(proxy_result);
}

// ---- Threads ---------------------------------------------------------------------------------

// A thread's beginning and end are the full fences that a socket needs to move to another one.
std::string Elsewhere(Words& words) {
  std::string answer;
  std::thread([&, line = words.Rest()] { answer = Do(line); }).join();
  return answer;
}

std::thread spawned;
std::string spawned_answer;

std::string Spawn(Words& words) {
  spawned_answer.clear();
  spawned = std::thread([line = words.Rest()] {
    std::istringstream in(line);
    for (std::string command; std::getline(in, command, ';');) {
      spawned_answer += (spawned_answer.empty() ? "" : ";") + Do(command);
    }
  });
  return "ok";
}

std::string Join(Words&) {
  spawned.join();
  return spawned_answer;
}

bool Work(uint64_t worker, const std::string& endpoint, uint64_t messages) {
  void* socket = zmq_socket(ThePeer().Context(), ZMQ_DEALER);
  const int wait_ms = 20000;
  zmq_setsockopt(socket, ZMQ_RCVTIMEO, &wait_ms, sizeof(wait_ms));
  bool good = zmq_connect(socket, endpoint.c_str()) == 0;
  for (uint64_t i = 0; i < messages && good; ++i) {
    const uint64_t sent = worker * messages + i;
    uint64_t got = 0;
    good = zmq_send(socket, &sent, sizeof(sent), 0) >= 0 &&
           zmq_recv(socket, &got, sizeof(got), 0) == sizeof(got) && got == sent;
  }
  zmq_close(socket);
  return good;
}

std::string Workers(Words& words) {
  const auto count = static_cast<uint64_t>(words.Number());
  const std::string endpoint = words.Text();
  const auto messages = static_cast<uint64_t>(words.Number());
  ThePeer().Context();
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (uint64_t worker = 0; worker < count; ++worker) {
    threads.emplace_back([&, worker] { good += Work(worker, endpoint, messages) ? 1 : 0; });
  }
  for (std::thread& thread : threads) thread.join();
  return "worked " + std::to_string(good);
}

// ---- Monitors --------------------------------------------------------------------------------

std::map<void*, void*> monitors;  // of each socket

std::string Monitor(Words&) {
  static int count = 0;
  const std::string name = "inproc://monitor." + std::to_string(++count);
  if (zmq_socket_monitor(ThePeer().Socket(), name.c_str(), ZMQ_EVENT_ALL) != 0) return Error();
  void* monitor = zmq_socket(ThePeer().Context(), ZMQ_PAIR);
  monitors[ThePeer().Socket()] = monitor;
  return OkOr(zmq_connect(monitor, name.c_str()));
}

std::string NameOf(uint16_t event) {
  static const std::map<int, std::string> names = {
      {ZMQ_EVENT_CONNECTED, "CONNECTED"},
      {ZMQ_EVENT_CONNECT_DELAYED, "CONNECT_DELAYED"},
      {ZMQ_EVENT_CONNECT_RETRIED, "CONNECT_RETRIED"},
      {ZMQ_EVENT_LISTENING, "LISTENING"},
      {ZMQ_EVENT_BIND_FAILED, "BIND_FAILED"},
      {ZMQ_EVENT_ACCEPTED, "ACCEPTED"},
      {ZMQ_EVENT_ACCEPT_FAILED, "ACCEPT_FAILED"},
      {ZMQ_EVENT_CLOSED, "CLOSED"},
      {ZMQ_EVENT_CLOSE_FAILED, "CLOSE_FAILED"},
      {ZMQ_EVENT_DISCONNECTED, "DISCONNECTED"},
      {ZMQ_EVENT_MONITOR_STOPPED, "MONITOR_STOPPED"},
      {ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL, "HANDSHAKE_FAILED_NO_DETAIL"},
      {ZMQ_EVENT_HANDSHAKE_SUCCEEDED, "HANDSHAKE_SUCCEEDED"},
      {ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL, "HANDSHAKE_FAILED_PROTOCOL"},
      {ZMQ_EVENT_HANDSHAKE_FAILED_AUTH, "HANDSHAKE_FAILED_AUTH"}};
  const auto found = names.find(event);
  return found != names.end() ? found->second : std::to_string(event);
}

// Two parts: the event and its value, and the endpoint.
bool NextEvent(int wait_ms, std::string* name, uint32_t* value) {
  void* monitor = monitors.at(ThePeer().Socket());
  zmq_setsockopt(monitor, ZMQ_RCVTIMEO, &wait_ms, sizeof(wait_ms));
  char bytes[6], endpoint[256];
  if (zmq_recv(monitor, bytes, sizeof(bytes), 0) != sizeof(bytes)) return false;
  if (zmq_recv(monitor, endpoint, sizeof(endpoint), 0) < 0) return false;
  uint16_t event = 0;
  std::memcpy(&event, bytes, sizeof(event));
  std::memcpy(value, bytes + sizeof(event), sizeof(*value));
  *name = NameOf(event);
  return true;
}

std::string Events(Words& words) {
  const std::string last = words.Text();
  const auto wait_ms = static_cast<int>(words.Number());
  std::string name, answer = "events";
  for (uint32_t value = 0; name != last;) {
    if (!NextEvent(wait_ms, &name, &value)) return answer + " " + Error();
    answer += " " + name;
  }
  return answer;
}

std::string Intervals(Words& words) {
  auto count = words.Number();
  const auto wait_ms = static_cast<int>(words.Number());
  std::string name, answer = "intervals";
  for (uint32_t value = 0; count > 0;) {
    if (!NextEvent(wait_ms, &name, &value)) return answer + " " + Error();
    if (name != "CONNECT_RETRIED") continue;
    answer += " " + std::to_string(value);
    --count;
  }
  return answer;
}

}  // namespace

Commands WaitingCommands() {
  return {
      {"poll", Poll},
      {"fdwait",
       [](Words& words) {
         return std::string(WaitForDescriptor(static_cast<int>(words.Number())) ? "readable"
                                                                                : "quiet");
       }},
      {"fdrecv", ReceiveByDescriptor},
      {"proxy", [](Words& words) { return StartProxy(words, true); }},
      {"plainproxy", [](Words& words) { return StartProxy(words, false); }},
      {"steer", Steer},
      {"statistics", Statistics},
      {"proxied", AwaitProxy},
      {"elsewhere", Elsewhere},
      {"spawn", Spawn},
      {"join", Join},
      {"workers", Workers},
      {"monitor", Monitor},
      {"events", Events},
      {"intervals", Intervals},
  };
}

}  // namespace samehost::zmq_transport::testing
