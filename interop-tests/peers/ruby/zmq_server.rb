# What programs/zmq_server.cc does, by a stock Ruby server (ruby-ffi-rzmq).
require 'ffi-rzmq'
require 'json'

# By port, the address's own first: programs/zmq_socket.h.
ROUTER, REP, PULL, PUSH, XSUB, XPUB, PAIR = *0..6
KINDS = [ZMQ::ROUTER, ZMQ::REP, ZMQ::PULL, ZMQ::PUSH, ZMQ::XSUB, ZMQ::XPUB, ZMQ::PAIR].freeze
WAYS = { REP => REP, PULL => PUSH, XSUB => XPUB, XPUB => XSUB, PAIR => PAIR }.freeze

def check(code)
  raise ZMQ::Util.error_string unless ZMQ::Util.resultcode_ok?(code)
end

def receive(socket)
  check(socket.recv_strings(parts = []))
  parts
end

def answer(router)
  identity, request, payload = receive(router)
  header = { serial: JSON.parse(request)['serial'], server: 'ruby', peer: 'ipv4:', peer_properties: {} }
  check(router.send_strings([identity, JSON.generate(header), payload]))
end

host, port = ARGV[0].match(/^(.*):(\d+)$/).captures
context = ZMQ::Context.new
poller = ZMQ::Poller.new
sockets = KINDS.each_with_index.map do |kind, after|
  socket = context.socket(kind)
  check(socket.bind("tcp://#{host}:#{port.to_i + after}"))
  poller.register_readable(socket) unless after == PUSH
  socket
end
puts JSON.generate('listening' => [ARGV[0]])
$stdout.flush
loop do
  poller.poll
  poller.readables.each do |socket|
    after = sockets.index(socket)
    if after == ROUTER
      answer(socket)
    else
      check(sockets[WAYS[after]].send_strings(receive(socket)))
    end
  end
end
