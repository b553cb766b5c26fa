#include "interop-tests/programs/grpc_kinds.h"

#include <grpcpp/grpcpp.h>

#include <string>

namespace samehost::interop {
namespace {

constexpr int kMessages = 5;
constexpr char kText[] = "as it was";
constexpr char kError[] = "na\xc3\xafve \xe2\x9c\x93, and 100%";
const std::string kBytes("\0\xff\x01,", 4);

void Prepare(grpc::ClientContext* context) {
  context->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  context->set_wait_for_ready(true);
}

std::string Text(const grpc::Status& status) {
  return std::to_string(status.error_code()) + " " + status.error_message();
}

std::string Verdict(const grpc::Status& status, bool as_expected, const std::string& otherwise) {
  if (!status.ok()) return Text(status);
  return as_expected ? "ok" : otherwise;
}

std::string Unary(Interop::Stub* stub, size_t bytes) {
  grpc::ClientContext context;
  Prepare(&context);
  Request request;
  request.set_payload(std::string(bytes, 'u'));
  Reply reply;
  const grpc::Status status = stub->Unary(&context, request, &reply);
  return Verdict(status, reply.payload() == request.payload(), "another payload");
}

std::string ClientStream(Interop::Stub* stub) {
  grpc::ClientContext context;
  Prepare(&context);
  Reply reply;
  auto stream = stub->ClientStream(&context, &reply);
  for (int i = 0; i < kMessages; ++i) stream->Write(Request());
  stream->WritesDone();
  const grpc::Status status = stream->Finish();
  return Verdict(status, reply.number() == kMessages, "counted " + std::to_string(reply.number()));
}

std::string ServerStream(Interop::Stub* stub) {
  grpc::ClientContext context;
  Prepare(&context);
  Request request;
  request.set_replies(kMessages);
  auto stream = stub->ServerStream(&context, request);
  Reply reply;
  int number = 0;
  while (stream->Read(&reply) && reply.number() == number + 1) ++number;
  const grpc::Status status = stream->Finish();
  return Verdict(status, number == kMessages, "replies in order: " + std::to_string(number));
}

std::string BidiStream(Interop::Stub* stub) {
  grpc::ClientContext context;
  Prepare(&context);
  auto stream = stub->BidiStream(&context);
  Reply reply;
  int number = 0;
  while (number < kMessages && stream->Write(Request()) && stream->Read(&reply) &&
         reply.number() == number + 1) {
    ++number;
  }
  stream->WritesDone();
  const grpc::Status status = stream->Finish();
  return Verdict(status, number == kMessages, "replies in order: " + std::to_string(number));
}

std::string Metadata(Interop::Stub* stub) {
  grpc::ClientContext context;
  Prepare(&context);
  context.AddMetadata("x-text", kText);
  context.AddMetadata("x-data-bin", kBytes);
  Reply reply;
  const grpc::Status status = stub->Unary(&context, Request(), &reply);
  const auto& initial = context.GetServerInitialMetadata();
  const auto& trailing = context.GetServerTrailingMetadata();
  const auto text = initial.find("x-text");
  const auto data = trailing.find("x-data-bin");
  const bool came_back = text != initial.end() && text->second == kText && data != trailing.end() &&
                         data->second == kBytes;
  return Verdict(status, came_back, "not all of it came back");
}

std::string DeadlineSeen(Interop::Stub* stub) {
  grpc::ClientContext context;
  Prepare(&context);
  Reply reply;
  const grpc::Status status = stub->Unary(&context, Request(), &reply);
  const bool sensible =
      reply.deadline_left_ms() > 0 && reply.deadline_left_ms() <= 61000;  // rounded up on the wire
  return Verdict(status, sensible, "left: " + std::to_string(reply.deadline_left_ms()) + " ms");
}

std::string DeadlineKept(Interop::Stub* stub) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(200));
  Request request;
  request.set_delay_ms(1000);
  Reply reply;
  const grpc::Status status = stub->Unary(&context, request, &reply);
  return status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED ? "ok" : Text(status);
}

std::string ErrorStatus(Interop::Stub* stub) {
  grpc::ClientContext context;
  Prepare(&context);
  Request request;
  request.set_status_code(grpc::StatusCode::FAILED_PRECONDITION);
  request.set_status_message(kError);
  Reply reply;
  const grpc::Status status = stub->Unary(&context, request, &reply);
  const bool same = status.error_code() == grpc::StatusCode::FAILED_PRECONDITION &&
                    status.error_message() == kError;
  return same ? "ok" : Text(status);
}

}  // namespace

nlohmann::json TryKinds(Interop::Stub* stub) {
  return {{"unary", Unary(stub, 100)},           {"unary_large", Unary(stub, 1 << 20)},
          {"client_stream", ClientStream(stub)}, {"server_stream", ServerStream(stub)},
          {"bidi_stream", BidiStream(stub)},     {"metadata", Metadata(stub)},
          {"deadline_seen", DeadlineSeen(stub)}, {"deadline_kept", DeadlineKept(stub)},
          {"error_status", ErrorStatus(stub)}};
}

}  // namespace samehost::interop
