# A stock Ruby client: takes `kinds` and `call COUNT BYTES` from stdin, as programs/zmq_client.cc.
require 'ffi-rzmq'
require 'json'

ROUTER, REP, PULL, PUSH, XSUB, XPUB, PAIR = *0..6 # ports: programs/zmq_socket.h
MESSAGES = 100
PATIENCE = 60_000
BINARY = "\0\xff\x01,".b.freeze
CONTEXT = ZMQ::Context.new
OPENED = [] # by the case that runs

def check(code)
  raise ZMQ::Util.error_string unless ZMQ::Util.resultcode_ok?(code)
end

def connect(kind, after)
  host, port = ARGV[0].match(/^(.*):(\d+)$/).captures
  socket = CONTEXT.socket(kind)
  check(socket.setsockopt(ZMQ::LINGER, 0))
  check(socket.setsockopt(ZMQ::RCVTIMEO, PATIENCE))
  check(socket.setsockopt(ZMQ::SNDTIMEO, PATIENCE))
  check(socket.connect("tcp://#{host}:#{port.to_i + after}"))
  OPENED << socket
  socket
end

def transmit(socket, parts)
  check(socket.send_strings(parts))
end

def receive(socket)
  check(socket.recv_strings(parts = []))
  parts
end

def numbered(number, size = 100)
  [number.to_s.b, ''.b, BINARY + 'k' * size]
end

# Sends until something comes back: a peer may not have come yet.
def meet(to, parts, back)
  poller = ZMQ::Poller.new
  poller.register_readable(back)
  stop = Process.clock_gettime(Process::CLOCK_MONOTONIC) + PATIENCE / 1000
  while Process.clock_gettime(Process::CLOCK_MONOTONIC) < stop
    transmit(to, parts)
    return receive(back) if poller.poll(100) == 1
  end
  raise 'nothing comes back'
end

def after_meeting(socket, met)
  parts = receive(socket)
  parts = receive(socket) while parts == met
  parts
end

def req_rep(count, size)
  socket = connect(ZMQ::REQ, REP)
  (0...count).all? do |i|
    transmit(socket, numbered(i, size))
    receive(socket) == numbered(i, size)
  end
end

def dealer_rep
  socket = connect(ZMQ::DEALER, REP)
  MESSAGES.times { |i| transmit(socket, ['', i.to_s]) }
  (0...MESSAGES).all? { |i| receive(socket) == ['', i.to_s] }
end

def push_pull
  pull = connect(ZMQ::PULL, PUSH)
  push = connect(ZMQ::PUSH, PULL)
  MESSAGES.times { |i| transmit(push, numbered(i)) }
  (0...MESSAGES).all? { |i| receive(pull) == numbered(i) }
end

def new_topic
  "topic-#{Process.clock_gettime(Process::CLOCK_MONOTONIC, :nanosecond)}"
end

def publish(topic, publisher, subscriber)
  met = meet(publisher, [topic, 'met'], subscriber)
  MESSAGES.times do |i|
    transmit(publisher, ['other', i.to_s])
    transmit(publisher, [topic, i.to_s])
  end
  (0...MESSAGES).all? { |i| after_meeting(subscriber, met) == [topic, i.to_s] }
end

def pub_sub
  subscriber = connect(ZMQ::SUB, XPUB)
  topic = new_topic
  check(subscriber.setsockopt(ZMQ::SUBSCRIBE, topic))
  publish(topic, connect(ZMQ::PUB, XSUB), subscriber)
end

# The subscription travels to the publisher's user.
def xpub_xsub
  publisher = connect(ZMQ::XPUB, XSUB)
  subscriber = connect(ZMQ::XSUB, XPUB)
  topic = new_topic
  transmit(subscriber, ["\x01#{topic}"])
  nil until receive(publisher) == ["\x01#{topic}"] # others subscribe as well
  publish(topic, publisher, subscriber)
end

def pair
  socket = connect(ZMQ::PAIR, PAIR)
  met = meet(socket, ['met'], socket)
  MESSAGES.times { |i| transmit(socket, numbered(i)) }
  (0...MESSAGES).all? { |i| after_meeting(socket, met) == numbered(i) }
end

CASES = {
  req_rep: -> { req_rep(MESSAGES, 100) },
  req_rep_large: -> { req_rep(3, 1 << 20) },
  dealer_rep: -> { dealer_rep },
  push_pull: -> { push_pull },
  pub_sub: -> { pub_sub },
  xpub_xsub: -> { xpub_xsub },
  pair: -> { pair }
}.freeze

def verdict(test)
  test.call ? 'ok' : 'not as expected'
rescue RuntimeError => error
  error.message
ensure
  OPENED.each(&:close).clear # a PAIR serves one peer at a time
end

def call(socket, count, size)
  servers = Hash.new(0)
  header = {}
  count.times do |serial|
    transmit(socket, [JSON.generate(serial: serial, id: ''), 'c' * size])
    reply, back = receive(socket)
    header = JSON.parse(reply)
    raise 'another reply' unless header['serial'] == serial && back == 'c' * size

    servers[header['server']] += 1
  end
  { statuses: { '0' => count }, servers: servers, peer: header['peer'],
    peer_properties: header['peer_properties'], error: '' }
end

def network_bytes
  File.readlines('/proc/self/net/dev').grep(/:/).sum { |line| line.split(':')[1].split[8].to_i }
end

socket = connect(ZMQ::DEALER, ROUTER)
OPENED.clear # this one stays
$stdin.each_line do |line|
  verb, *numbers = line.split
  answer = {}
  answer[:kinds] = CASES.transform_values { |test| verdict(test) } if verb == 'kinds'
  answer = call(socket, *numbers.map(&:to_i)) if verb == 'call'
  answer[:libzmq] = LibZMQ.version.values.join('.')
  answer[:network_bytes] = network_bytes
  puts JSON.generate(answer)
  $stdout.flush
end
