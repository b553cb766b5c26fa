#include "plugin/bench/load.h"

#include <grpcpp/completion_queue.h>

#include <exception>
#include <future>

#include "plugin/bench/bench_failure.h"
#include "plugin/bench/clock.h"
#include "plugin/bench/payload.h"
#include "proto/bench.grpc.pb.h"

namespace samehost::bench {
namespace {

// Memory is touched only as samples arrive, so generous is free.
constexpr size_t kReservedSamples = 4'000'000;

void RequireOk(const grpc::Status& status) {
  if (status.ok()) return;
  throw BenchFailure("call failed with code " + std::to_string(status.error_code()) + ": " +
                     status.error_message());
}

void RequireGoodAnswer(const LoadSpec& spec, const Payload& request, const Payload& response,
                       uint64_t sequence) {
  const bool good = spec.check_every_byte ? response.body() == request.body()
                                          : CheckBody(response.body(), spec.size, sequence);
  if (!good) throw BenchFailure("wrong payload in the answer to call " + std::to_string(sequence));
}

// When to stop, and for paced loads when to go on.
class Pace {
 public:
  Pace(const LoadSpec& spec, uint64_t start)
      : spec_(spec),
        end_(start + spec.duration_ns),
        next_(start),
        gap_(spec.calls_per_second > 0 ? static_cast<uint64_t>(1e9 / spec.calls_per_second) : 0) {}

  bool MoreAfter(uint64_t operations) const {
    return operations < spec_.max_operations && NowNs() < end_;
  }

  // Returns the moment that the next call counts from: now, or, for a paced load that is late, when
  // it should have begun, so that one slow call does not hide the wait of those behind it.
  uint64_t WaitForTurn() {
    if (gap_ == 0) return NowNs();
    next_ += gap_;
    if (NowNs() > next_) return next_;
    SleepUntilNs(next_);
    return NowNs();
  }

 private:
  const LoadSpec& spec_;
  const uint64_t end_;
  uint64_t next_;
  const uint64_t gap_;
};

Samples RunUnary(Bench::Stub& stub, const LoadSpec& spec, uint64_t start) {
  Samples samples;
  samples.Reserve(kReservedSamples);
  Payload request;
  request.set_body(MakeBody(spec.size, 0));
  Pace pace(spec, start);
  for (uint64_t sequence = 0; pace.MoreAfter(sequence); ++sequence) {
    StampBody(*request.mutable_body(), sequence);
    Payload response;
    grpc::ClientContext context;
    const uint64_t begin = pace.WaitForTurn();
    const grpc::Status status = stub.Unary(&context, request, &response);
    samples.Add(NowNs() - begin);
    RequireOk(status);
    RequireGoodAnswer(spec, request, response, sequence);
  }
  return samples;
}

Samples RunStream(Bench::Stub& stub, const LoadSpec& spec, uint64_t start) {
  Samples samples;
  samples.Reserve(kReservedSamples);
  grpc::ClientContext context;
  const auto stream = stub.Stream(&context);
  Payload request, response;
  request.set_body(MakeBody(spec.size, 0));
  const Pace pace(spec, start);
  for (uint64_t sequence = 0; pace.MoreAfter(sequence); ++sequence) {
    StampBody(*request.mutable_body(), sequence);
    const uint64_t begin = NowNs();
    const bool alive = stream->Write(request) && stream->Read(&response);
    samples.Add(NowNs() - begin);
    if (!alive) break;  // Finish tells why
    RequireGoodAnswer(spec, request, response, sequence);
  }
  stream->WritesDone();
  RequireOk(stream->Finish());
  return samples;
}

// One of the calls in flight; begun anew, with a fresh context, as soon as it has ended.
struct Call {
  Payload request, response;
  std::unique_ptr<grpc::ClientContext> context;
  std::unique_ptr<grpc::ClientAsyncResponseReader<Payload>> reader;
  grpc::Status status;
  uint64_t sequence = 0;
  uint64_t begin = 0;

  void Start(Bench::Stub& stub, grpc::CompletionQueue& queue, uint64_t next_sequence) {
    sequence = next_sequence;
    StampBody(*request.mutable_body(), sequence);
    response.Clear();
    context = std::make_unique<grpc::ClientContext>();
    begin = NowNs();
    reader = stub.AsyncUnary(context.get(), request, &queue);
    reader->Finish(&response, &status, this);
  }
};

Samples RunInFlight(Bench::Stub& stub, const LoadSpec& spec, uint64_t start) {
  Samples samples;
  samples.Reserve(kReservedSamples);
  grpc::CompletionQueue queue;
  const Pace pace(spec, start);
  std::vector<Call> calls(spec.in_flight);
  uint64_t started = 0;
  for (Call& call : calls) {
    call.request.set_body(MakeBody(spec.size, 0));
    call.Start(stub, queue, started++);
  }
  void* tag = nullptr;
  bool ok = false;
  std::exception_ptr failure;  // thrown only when no call refers to `calls` any more
  while (samples.count() < started && queue.Next(&tag, &ok)) {
    Call& call = *static_cast<Call*>(tag);
    samples.Add(NowNs() - call.begin);
    try {
      RequireOk(call.status);
      RequireGoodAnswer(spec, call.request, call.response, call.sequence);
    } catch (const BenchFailure&) {
      failure = std::current_exception();
    }
    if (!failure && pace.MoreAfter(started)) call.Start(stub, queue, started++);
  }
  queue.Shutdown();
  while (queue.Next(&tag, &ok)) {
  }
  if (failure) std::rethrow_exception(failure);
  return samples;
}

Samples RunThread(const std::shared_ptr<grpc::Channel>& channel, const LoadSpec& spec,
                  uint64_t start) {
  const std::unique_ptr<Bench::Stub> stub = Bench::NewStub(channel);
  switch (spec.kind) {
    case LoadKind::kUnary:
      return RunUnary(*stub, spec, start);
    case LoadKind::kStream:
      return RunStream(*stub, spec, start);
    case LoadKind::kInFlight:
      return RunInFlight(*stub, spec, start);
  }
  return {};
}

}  // namespace

LoadResult RunLoad(const std::vector<std::shared_ptr<grpc::Channel>>& channels,
                   const LoadSpec& spec) {
  if (spec.start_at_ns != 0) SleepUntilNs(spec.start_at_ns);
  const uint64_t cpu = OwnCpuNs();
  const uint64_t start = NowNs();
  std::vector<std::future<Samples>> others;
  for (uint32_t i = 1; i < spec.threads; ++i) {
    others.push_back(std::async(std::launch::async, [&, i] {
      return RunThread(channels[i % channels.size()], spec, start);
    }));
  }
  LoadResult result;
  result.samples = RunThread(channels[0], spec, start);
  std::vector<Samples> parts;
  for (std::future<Samples>& other : others) parts.push_back(other.get());
  result.wall_ns = NowNs() - start;
  result.cpu_ns = OwnCpuNs() - cpu;
  for (const Samples& part : parts) result.samples.Merge(part);
  result.operations = result.samples.count();
  return result;
}

}  // namespace samehost::bench
