#include "interop-tests/programs/zmq_kinds.h"

#include <functional>

#include "interop-tests/programs/zmq_socket.h"

namespace samehost::interop {
namespace {

using Type = zmq::socket_type;

constexpr int kMessages = 100;
constexpr int kPatienceSeconds = 60;
const std::string kBinary("\0\xff\x01,", 4);

// Number, nothing, and bytes.
Parts Numbered(int number, size_t bytes) {
  return {std::to_string(number), "", kBinary + std::string(bytes, 'k')};
}

class Case {
 public:
  explicit Case(const std::string& target) : target_(target), end_(InSeconds(kPatienceSeconds)) {}

  zmq::socket_t Connect(Type type, PortAfter after) {
    zmq::socket_t socket = MakeSocket(type);
    socket.connect(Endpoint(target_, after));
    return socket;
  }
  void Send(zmq::socket_t* socket, const Parts& parts) {
    Check(interop::Send(socket, parts, end_), "cannot send " + parts.front());
  }
  void Expect(zmq::socket_t* socket, const Parts& parts) {
    const auto got = Receive(socket, end_);
    Check(got.has_value(), "nothing came, instead of " + parts.front());
    Check(*got == parts, "got " + got->front() + " instead of " + parts.front());
  }
  void Await(zmq::socket_t* socket, const Parts& parts) {
    auto got = Receive(socket, end_);
    while (got.has_value() && *got != parts) got = Receive(socket, end_);
    Check(got.has_value(), "never came: " + parts.front());
  }
  // Sends until something comes back: a peer may not have come yet.
  void Meet(zmq::socket_t* to, const Parts& parts, zmq::socket_t* from) {
    constexpr auto kEach = std::chrono::milliseconds(100);
    do {
      Check(std::chrono::steady_clock::now() < end_, "nothing comes back");
      (void)interop::Send(to, parts, std::chrono::steady_clock::now() + kEach);
    } while (!Receive(from, std::chrono::steady_clock::now() + kEach));
  }
  // What is left of Meet().
  void ExpectAfter(zmq::socket_t* socket, const Parts& met, const Parts& parts) {
    auto got = Receive(socket, end_);
    while (got == met) got = Receive(socket, end_);
    Check(got == parts, "not " + parts.back());
  }
  static void Check(bool good, const std::string& otherwise) {
    if (!good) throw std::runtime_error(otherwise);
  }

 private:
  const std::string target_;
  const TimePoint end_;
};

void RequestReply(Case* c, int count, size_t bytes) {
  zmq::socket_t socket = c->Connect(Type::req, kRep);
  for (int i = 0; i < count; ++i) {
    c->Send(&socket, Numbered(i, bytes));
    c->Expect(&socket, Numbered(i, bytes));
  }
}

void PushPull(Case* c) {
  zmq::socket_t pull = c->Connect(Type::pull, kPush);
  zmq::socket_t push = c->Connect(Type::push, kPull);
  for (int i = 0; i < kMessages; ++i) c->Send(&push, Numbered(i, 100));
  for (int i = 0; i < kMessages; ++i) c->Expect(&pull, Numbered(i, 100));
}

std::string NewTopic() {
  return "topic-" + std::to_string(std::chrono::steady_clock::now().time_since_epoch().count());
}

void Publish(Case* c, const std::string& topic, zmq::socket_t* publisher,
             zmq::socket_t* subscriber) {
  const Parts met = {topic, "met"};
  c->Meet(publisher, met, subscriber);
  for (int i = 0; i < kMessages; ++i) {
    c->Send(publisher, {"other", std::to_string(i)});
    c->Send(publisher, {topic, std::to_string(i)});
  }
  for (int i = 0; i < kMessages; ++i) {
    c->ExpectAfter(subscriber, met, {topic, std::to_string(i)});
  }
}

void PublishSubscribe(Case* c) {
  zmq::socket_t subscriber = c->Connect(Type::sub, kXpub);
  zmq::socket_t publisher = c->Connect(Type::pub, kXsub);
  const std::string topic = NewTopic();
  subscriber.set(zmq::sockopt::subscribe, topic);
  Publish(c, topic, &publisher, &subscriber);
}

// The subscription travels to the publisher's user.
void RawPublishSubscribe(Case* c) {
  zmq::socket_t publisher = c->Connect(Type::xpub, kXsub);
  zmq::socket_t subscriber = c->Connect(Type::xsub, kXpub);
  const std::string topic = NewTopic();
  c->Send(&subscriber, {'\x01' + topic});
  c->Await(&publisher, {'\x01' + topic});  // others subscribe as well
  Publish(c, topic, &publisher, &subscriber);
}

void Pair(Case* c) {
  zmq::socket_t socket = c->Connect(Type::pair, kPair);
  c->Meet(&socket, {"met"}, &socket);
  for (int i = 0; i < kMessages; ++i) c->Send(&socket, Numbered(i, 100));
  for (int i = 0; i < kMessages; ++i) c->ExpectAfter(&socket, {"met"}, Numbered(i, 100));
}

// Many requests at once, which a REQ socket cannot have; replies in order.
void Dealer(Case* c) {
  zmq::socket_t socket = c->Connect(Type::dealer, kRep);
  for (int i = 0; i < kMessages; ++i) c->Send(&socket, {"", std::to_string(i)});
  for (int i = 0; i < kMessages; ++i) c->Expect(&socket, {"", std::to_string(i)});
}

std::string Verdict(const std::string& target, const std::function<void(Case*)>& run) {
  try {
    Case c(target);
    run(&c);
  } catch (const std::exception& error) {
    return error.what();
  }
  return "ok";
}

}  // namespace

nlohmann::json TryKinds(const std::string& target) {
  const auto small = [](Case* c) { RequestReply(c, kMessages, 100); };
  const auto large = [](Case* c) { RequestReply(c, 3, 1 << 20); };
  return {{"req_rep", Verdict(target, small)},
          {"req_rep_large", Verdict(target, large)},
          {"dealer_rep", Verdict(target, Dealer)},
          {"push_pull", Verdict(target, PushPull)},
          {"pub_sub", Verdict(target, PublishSubscribe)},
          {"xpub_xsub", Verdict(target, RawPublishSubscribe)},
          {"pair", Verdict(target, Pair)}};
}

}  // namespace samehost::interop
