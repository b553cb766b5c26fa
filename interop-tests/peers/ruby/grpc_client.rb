# A stock Ruby client: takes `kinds` and `call COUNT BYTES` from stdin, as programs/grpc_client.cc.
require_relative 'service'

TEXT = 'as it was'.freeze
DATA = "\0\xff\x01,".b.freeze
ERROR = "na\u00efve \u2713, and 100%".freeze
MESSAGES = 5
STUB = Peer::Stub.new(ARGV[0], :this_channel_is_insecure, channel_args: { 'grpc.enable_http_proxy' => 0 })

def patience
  { deadline: Time.now + 60 }
end

def unary(size)
  payload = 'u' * size
  STUB.unary(Peer::Request.new(payload: payload), **patience).payload == payload
end

def requests
  Array.new(MESSAGES) { Peer::Request.new }
end

def metadata
  call = STUB.unary(Peer::Request.new, return_op: true,
                    metadata: { 'x-text' => TEXT, 'x-data-bin' => DATA }, **patience)
  call.execute
  call.metadata['x-text'] == TEXT && call.trailing_metadata['x-data-bin'] == DATA
end

def error_of
  yield
  nil
rescue GRPC::BadStatus => error
  error
end

CASES = {
  unary: -> { unary(100) },
  unary_large: -> { unary(1 << 20) },
  client_stream: -> { STUB.client_stream(requests, **patience).number == MESSAGES },
  server_stream: lambda {
    STUB.server_stream(Peer::Request.new(replies: MESSAGES), **patience).map(&:number) == [*1..MESSAGES]
  },
  bidi_stream: -> { STUB.bidi_stream(requests, **patience).map(&:number) == [*1..MESSAGES] },
  metadata: -> { metadata },
  deadline_seen: -> { (1..61_000).cover?(STUB.unary(Peer::Request.new, **patience).deadline_left_ms) },
  deadline_kept: lambda {
    error_of { STUB.unary(Peer::Request.new(delay_ms: 1000), deadline: Time.now + 0.2) }.is_a?(GRPC::DeadlineExceeded)
  },
  error_status: lambda {
    request = Peer::Request.new(status_code: GRPC::Core::StatusCodes::FAILED_PRECONDITION, status_message: ERROR)
    error = error_of { STUB.unary(request, **patience) }
    error && error.code == GRPC::Core::StatusCodes::FAILED_PRECONDITION &&
      error.details.dup.force_encoding('UTF-8') == ERROR
  }
}.freeze

def verdict(test)
  test.call ? 'ok' : 'not as expected'
rescue GRPC::BadStatus => error
  error.message
end

def call(count, size)
  reply = nil
  count.times { reply = STUB.unary(Peer::Request.new(payload: 'c' * size), **patience) }
  { statuses: { '0' => count }, servers: { reply.server => count }, peer: reply.peer, error: '' }
end

def network_bytes
  File.readlines('/proc/self/net/dev').grep(/:/).sum { |line| line.split(':')[1].split[8].to_i }
end

$stdin.each_line do |line|
  verb, *numbers = line.split
  answer = {}
  answer[:kinds] = CASES.transform_values { |test| verdict(test) } if verb == 'kinds'
  answer = call(*numbers.map(&:to_i)) if verb == 'call'
  answer[:network_bytes] = network_bytes
  puts JSON.generate(answer)
  $stdout.flush
end
