// The commands of zmq-test-peer that send and receive.
#include <zmq.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "plugin/zmq/testing/peer.h"

namespace samehost::zmq_transport::testing {
namespace {

// Byte `at` of part `part` of message `number`.
unsigned char Pattern(uint64_t number, int part, size_t at) {
  return static_cast<unsigned char>(number * 31 + part * 7 + at + (at >> 8) * 3);
}

void Fill(zmq_msg_t* message, uint64_t number, int part, size_t bytes) {
  auto* data = static_cast<unsigned char*>(zmq_msg_data(message));
  for (size_t i = 0; i < bytes; ++i) data[i] = Pattern(number, part, i);
  if (part == 0 && bytes >= 8) std::memcpy(data, &number, 8);
}

// By either of the two functions that send, in turn: they go different ways.
int SendPart(zmq_msg_t* message, uint64_t turn, int flags) {
  void* zsocket = ThePeer().Socket();
  if (turn % 2 == 0) return zmq_msg_send(message, zsocket, flags);
  const int sent = zmq_send(zsocket, zmq_msg_data(message), zmq_msg_size(message), flags);
  if (sent >= 0) zmq_msg_close(message);
  return sent;
}

std::string Send(uint64_t first, uint64_t count, int parts, size_t bytes, int wait_ms) {
  SetWait(ZMQ_SNDTIMEO, wait_ms);
  uint64_t sent = 0;
  for (; sent < count; ++sent) {
    for (int part = 0; part < parts; ++part) {
      zmq_msg_t message;
      zmq_msg_init_size(&message, bytes);
      Fill(&message, first + sent, part, bytes);
      if (SendPart(&message, sent + part, part + 1 < parts ? ZMQ_SNDMORE : 0) < 0) {
        zmq_msg_close(&message);
        if (zmq_errno() == EAGAIN) return "sent " + std::to_string(sent);
        return Error();
      }
    }
  }
  return "sent " + std::to_string(sent);
}

// One message, of which a copy is kept.
zmq_msg_t kept;

std::string SendAndKeep(uint64_t number, size_t bytes) {
  zmq_msg_t message;
  zmq_msg_init_size(&message, bytes);
  Fill(&message, number, 0, bytes);
  zmq_msg_init(&kept);
  zmq_msg_copy(&kept, &message);
  return zmq_msg_send(&message, ThePeer().Socket(), 0) < 0 ? Error() : "ok";
}

std::string CheckKept(uint64_t number) {
  const auto* data = static_cast<unsigned char*>(zmq_msg_data(&kept));
  bool good = std::memcmp(data, &number, sizeof(number)) == 0;
  for (size_t i = 8; i < zmq_msg_size(&kept); ++i) good = good && data[i] == Pattern(number, 0, i);
  zmq_msg_close(&kept);
  return good ? "intact" : "changed";
}

std::string Receive(uint64_t count, int wait_ms) {
  SetWait(ZMQ_RCVTIMEO, wait_ms);
  void* zsocket = ThePeer().Socket();
  uint64_t got = 0, first = 0, last = 0;
  for (; got < count; ++got) {
    uint64_t number = 0;
    for (int part = 0;; ++part) {
      zmq_msg_t message;
      zmq_msg_init(&message);
      if (zmq_msg_recv(&message, zsocket, 0) < 0) {
        const std::string so_far = "got " + std::to_string(got) + " first " +
                                   std::to_string(first) + " last " + std::to_string(last);
        return zmq_errno() == EAGAIN && part == 0 ? so_far
                                                  : "got " + std::to_string(got) + " " + Error();
      }
      auto* data = static_cast<unsigned char*>(zmq_msg_data(&message));
      const size_t bytes = zmq_msg_size(&message);
      size_t from = 0;
      if (part == 0 && bytes >= 8) {
        std::memcpy(&number, data, 8);
        from = 8;
      } else if (part == 0) {
        number = got == 0 ? 0 : last + 1;
      }
      for (size_t i = from; i < bytes; ++i) {
        if (bytes >= 8 && data[i] != Pattern(number, part, i)) {
          return "got " + std::to_string(got) + " torn at " + std::to_string(i);
        }
        data[i] = 0;  // what is received may be written to
      }
      const bool more = zmq_msg_more(&message) != 0;
      zmq_msg_close(&message);
      if (!more) break;
    }
    if (got == 0) first = number;
    last = number;
  }
  return "got " + std::to_string(got) + " first " + std::to_string(first) + " last " +
         std::to_string(last);
}

std::string Echo(uint64_t count, int wait_ms) {
  SetWait(ZMQ_RCVTIMEO, wait_ms);
  void* zsocket = ThePeer().Socket();
  for (uint64_t done = 0; done < count; ++done) {
    std::vector<zmq_msg_t> parts;
    do {
      zmq_msg_init(&parts.emplace_back());
      if (zmq_msg_recv(&parts.back(), zsocket, 0) < 0) return "echoed " + std::to_string(done);
    } while (zmq_msg_more(&parts.back()) != 0);
    for (size_t i = 0; i < parts.size(); ++i) {
      if (zmq_msg_send(&parts[i], zsocket, i + 1 < parts.size() ? ZMQ_SNDMORE : 0) < 0)
        return Error();
    }
  }
  return "echoed " + std::to_string(count);
}

std::string GetText(int wait_ms, const std::string& property) {
  SetWait(ZMQ_RCVTIMEO, wait_ms);
  void* zsocket = ThePeer().Socket();
  std::string text;
  for (bool more = true; more;) {
    zmq_msg_t message;
    zmq_msg_init(&message);
    if (zmq_msg_recv(&message, zsocket, 0) < 0) return Error();
    more = zmq_msg_more(&message) != 0;
    if (property.empty()) {
      text += std::string(static_cast<char*>(zmq_msg_data(&message)), zmq_msg_size(&message));
      if (more) text += "|";
    } else if (const char* value = zmq_msg_gets(&message, property.c_str())) {
      text = value;
    }
    zmq_msg_close(&message);
  }
  return "text " + text;
}

// Each sender numbers its messages from a million of its own.
std::string Order(uint64_t count, int wait_ms) {
  constexpr uint64_t kMillion = 1'000'000;
  SetWait(ZMQ_RCVTIMEO, wait_ms);
  std::map<uint64_t, uint64_t> next;
  std::string order = "order";
  for (uint64_t got = 0; got < count; ++got) {
    uint64_t bytes[128] = {};
    if (zmq_recv(ThePeer().Socket(), bytes, sizeof(bytes), 0) < 0) return order + " " + Error();
    const uint64_t sender = bytes[0] / kMillion;
    if (next.emplace(sender, bytes[0]).first->second++ != bytes[0]) return "out of order";
    order += " " + std::to_string(sender);
  }
  return order;
}

std::string SendText(const std::string& text, int flags) {
  return zmq_send(ThePeer().Socket(), text.data(), text.size(), flags) >= 0 ? "ok" : Error();
}

std::string SendTextTo(Words& words) {
  const std::string id = words.Text();
  const std::string sent = SendText(id, ZMQ_SNDMORE | ZMQ_DONTWAIT);
  return sent == "ok" ? SendText(words.Text(), ZMQ_DONTWAIT) : sent;
}

std::string SendCommand(Words& words) {
  const auto first = static_cast<uint64_t>(words.Number());
  const auto count = static_cast<uint64_t>(words.Number());
  const auto parts = static_cast<int>(words.Number());
  const auto bytes = static_cast<size_t>(words.Number());
  return Send(first, count, parts, bytes, static_cast<int>(words.Number()));
}

Command Counted(std::string (*function)(uint64_t, int)) {
  return [function](Words& words) {
    const auto count = static_cast<uint64_t>(words.Number());
    return function(count, static_cast<int>(words.Number()));
  };
}

std::string Keep(Words& words) {
  const auto number = static_cast<uint64_t>(words.Number());
  return SendAndKeep(number, static_cast<size_t>(words.Number()));
}

std::string Property(Words& words) {
  const std::string name = words.Text();
  return GetText(static_cast<int>(words.Number()), name);
}

}  // namespace

Commands MessageCommands() {
  return {
      {"send", SendCommand},
      {"recv", Counted(Receive)},
      {"order", Counted(Order)},
      {"echo", Counted(Echo)},
      {"keep", Keep},
      {"kept", [](Words& words) { return CheckKept(static_cast<uint64_t>(words.Number())); }},
      {"text", [](Words& words) { return SendText(words.Text(), 0); }},
      {"try", [](Words& words) { return SendText(words.Text(), ZMQ_DONTWAIT); }},
      {"part", [](Words& words) { return SendText(words.Text(), ZMQ_SNDMORE); }},
      {"textto", SendTextTo},
      {"gettext", [](Words& words) { return GetText(static_cast<int>(words.Number()), ""); }},
      {"property", Property},
  };
}

}  // namespace samehost::zmq_transport::testing
