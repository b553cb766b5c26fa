// A gRPC server and client as anybody writes them, for the tests of `samehost run`: no header and
// no library of samehost's. Messages are plain bytes, so that there is nothing to generate.
//
//   stock_echo [ODD...] server ADDRESS [tls FOLDER|local]    (ODD: odd_start.h)
//       prints "listening PORT", echoes until stdin ends or a line comes that is not
//       "files FOLDER COUNT": forks a child with so many files of its own, prints "ok" or "damaged"
//   stock_echo [ODD...] client TARGET CALLS BYTES [tls FOLDER|local]
//       makes the calls, prints "CALLS calls, BYTES bytes back, peer PEER", then waits for lines:
//       "call" makes one more and prints "ok"; "files" as above; "close_all" closes
//       every descriptor of gRPC's; anything else, or the end, ends it
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "odd_start.h"

namespace {

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::shared_ptr<grpc::ServerCredentials> ServerCredentials(const std::vector<std::string>& how) {
  if (how.empty()) return grpc::InsecureServerCredentials();
  if (how[0] == "local") return grpc::experimental::LocalServerCredentials(LOCAL_TCP);
  grpc::SslServerCredentialsOptions options;
  options.pem_key_cert_pairs.push_back({ReadFile(how[1] + "/key"), ReadFile(how[1] + "/cert")});
  return grpc::SslServerCredentials(options);
}

std::shared_ptr<grpc::ChannelCredentials> ChannelCredentials(const std::vector<std::string>& how) {
  if (how.empty()) return grpc::InsecureChannelCredentials();
  if (how[0] == "local") return grpc::experimental::LocalCredentials(LOCAL_TCP);
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = ReadFile(how[1] + "/cert");
  return grpc::SslCredentials(options);
}

class Reactor final : public grpc::ServerGenericBidiReactor {
 public:
  Reactor() { StartRead(&message_); }
  void OnReadDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::OK);
    StartWrite(&message_);
  }
  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::CANCELLED);
    StartRead(&message_);
  }
  void OnDone() override { delete this; }

 private:
  grpc::ByteBuffer message_;
};

class Service final : public grpc::CallbackGenericService {
  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext*) override {
    return new Reactor();
  }
};

int Serve(const std::string& address, const std::vector<std::string>& how) {
  Service service;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(address, ServerCredentials(how), &port);
  builder.RegisterCallbackGenericService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  std::cout << "listening " << port << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string word;
    std::string folder;
    int count = 0;
    if (!(words >> word >> folder >> count) || word != "files") break;
    std::cout << (ChildWithFilesOfItsOwn(folder, count) ? "ok" : "damaged") << std::endl;
  }
  server->Shutdown(std::chrono::system_clock::now());
  return 0;
}

class Caller {
 public:
  explicit Caller(const std::shared_ptr<grpc::Channel>& channel) : stub_(channel) {}

  // Bytes of the answer; -1 on failure.
  int64_t Call(const std::string& bytes) {
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    const grpc::Slice slice(bytes);
    const grpc::ByteBuffer request(&slice, 1);
    grpc::CompletionQueue queue;
    auto call = stub_.PrepareUnaryCall(&context, "/stock.Echo/Echo", request, &queue);
    call->StartCall();
    grpc::ByteBuffer answer;
    grpc::Status status;
    call->Finish(&answer, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    peer_ = context.peer();
    if (!status.ok()) std::cerr << status.error_message() << std::endl;
    if (!status.ok() || answer.Length() != bytes.size()) return -1;
    std::vector<grpc::Slice> slices;
    answer.Dump(&slices);
    std::string back;
    for (const grpc::Slice& part : slices) {
      back.append(reinterpret_cast<const char*>(part.begin()), part.size());
    }
    return back == bytes ? static_cast<int64_t>(back.size()) : -1;
  }
  const std::string& peer() const { return peer_; }

 private:
  grpc::GenericStub stub_;
  std::string peer_;
};

int Call(const std::string& target, int calls, size_t bytes, const std::vector<std::string>& how) {
  grpc::ChannelArguments arguments;
  if (!how.empty() && how[0] == "tls") arguments.SetSslTargetNameOverride("localhost");
  Caller caller(grpc::CreateCustomChannel(target, ChannelCredentials(how), arguments));
  int64_t back = 0;
  for (int i = 0; i < calls; ++i) {
    const int64_t got = caller.Call(std::string(bytes, static_cast<char>('a' + i % 26)));
    if (got < 0) return 1;
    back += got;
  }
  std::cout << calls << " calls, " << back << " bytes back, peer " << caller.peer() << std::endl;
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream words(line);
    std::string word;
    std::string folder;
    int count = 0;
    words >> word;
    if (word == "call") {
      std::cout << (caller.Call("once more") > 0 ? "ok" : "failed") << std::endl;
    } else if (word == "files" && words >> folder >> count) {
      std::cout << (ChildWithFilesOfItsOwn(folder, count) ? "ok" : "damaged") << std::endl;
    } else if (word == "close_all") {
      CloseAll();
      std::cout << "closed" << std::endl;
    } else {
      break;
    }
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  StartOddly(&words);
  if (words.size() >= 2 && words[0] == "server") {
    return Serve(words[1], {words.begin() + 2, words.end()});
  }
  if (words.size() >= 4 && words[0] == "client") {
    return Call(words[1], std::stoi(words[2]), std::stoul(words[3]),
                {words.begin() + 4, words.end()});
  }
  return 2;
}
