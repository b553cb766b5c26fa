#include "plugin/tests/server/scripted_call.h"

#include <grpcpp/security/auth_context.h>
#include <unistd.h>

#include <thread>

#include "plugin/tests/harness/compression_facts.h"

namespace samehost::testing {
namespace {

using behaviour::Script;

std::string ToString(grpc::string_ref text) { return {text.data(), text.size()}; }

int EarlierAttempts(grpc::ServerContextBase* context) {
  auto found = context->client_metadata().find("grpc-previous-rpc-attempts");
  return found == context->client_metadata().end() ? 0 : std::stoi(ToString(found->second));
}

}  // namespace

ScriptedCall::ScriptedCall(ServiceState* state, grpc::ServerContextBase* context)
    : state_(state), context_(context) {
  ++state_->calls_started;
}

ScriptedCall::~ScriptedCall() { ++state_->calls_finished; }

void ScriptedCall::OnRequest(const behaviour::Request& request) {
  ++state_->messages_read;
  ++messages_;
  bytes_ += request.payload().size();
  checksum_.Add(request.payload());
  if (!std::exchange(first_, false)) return;
  script_ = request.script();
  for (const auto& pair : script_.initial_metadata()) {
    context_->AddInitialMetadata(pair.key(), pair.value());
  }
  for (const auto& pair : script_.trailing_metadata()) {
    context_->AddTrailingMetadata(pair.key(), pair.value());
  }
  if (script_.compression() != 0) {
    context_->set_compression_algorithm(
        static_cast<grpc_compression_algorithm>(script_.compression()));
  }
}

behaviour::Reply ScriptedCall::MakeReply(const behaviour::Request& request) {
  behaviour::Reply reply;
  if (script_.reply_bytes() != 0) {
    reply.set_payload(MakePayload(script_.reply_bytes(), script_.reply_seed()));
  } else {
    reply.set_payload(request.payload());
  }
  reply.set_messages(messages_);
  reply.set_bytes(bytes_);
  reply.set_checksum(checksum_.value());
  if (script_.report()) FillReport(reply.mutable_report());
  return reply;
}

void ScriptedCall::Pause() {
  auto cancelled = [this] { return context_->IsCancelled(); };
  if (script_.delay_ms() != 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(script_.delay_ms()));
  }
  if (script_.hold()) state_->WaitForRelease(cancelled);
  bool stall = EarlierAttempts(context_) < script_.stall_attempts();
  if (script_.wait_for_cancel() || stall) state_->WaitForCancel(cancelled);
  NoteCancelled();
}

void ScriptedCall::NoteCancelled() {
  if (context_->IsCancelled()) ++state_->calls_cancelled;
}

void ScriptedCall::AwaitReadPermit() {
  if (script_.reads_on_demand()) {
    state_->WaitForReadPermit([this] { return context_->IsCancelled(); });
  }
}

bool ScriptedCall::CancelsAt(Script::Moment moment) {
  if (script_.try_cancel() != moment) return false;
  context_->TryCancel();
  return true;
}

grpc::Status ScriptedCall::FinalStatus() {
  if (EarlierAttempts(context_) < script_.fail_attempts()) {
    return {grpc::StatusCode::UNAVAILABLE, "scripted failure"};
  }
  return {static_cast<grpc::StatusCode>(script_.status_code()), script_.status_message(),
          script_.status_details()};
}

void ScriptedCall::FillReport(behaviour::Report* report) {
  report->set_peer(context_->peer());
  report->set_authority(ToString(context_->ExperimentalGetAuthority()));
  for (const auto& [key, value] : context_->client_metadata()) {
    auto* pair = report->add_metadata();
    pair->set_key(ToString(key));
    pair->set_value(ToString(value));
  }
  report->set_deadline_left_ms(std::chrono::duration_cast<std::chrono::milliseconds>(
                                   context_->deadline() - std::chrono::system_clock::now())
                                   .count());
  report->set_request_was_compressed(WasCompressed(*context_));
  report->set_pid(getpid());
  auto auth = context_->auth_context();
  if (auth == nullptr) return;
  report->set_peer_authenticated(auth->IsPeerAuthenticated());
  for (auto it = auth->begin(); it != auth->end(); ++it) {
    auto* pair = report->add_auth_properties();
    pair->set_key(ToString((*it).first));
    pair->set_value(ToString((*it).second));
  }
}

}  // namespace samehost::testing
