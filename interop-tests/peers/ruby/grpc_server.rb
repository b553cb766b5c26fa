# The service of interop.proto by a stock Ruby server.
require_relative 'service'

class Server < Peer::Service
  def unary(request, call)
    echo_metadata(call)
    reply = answer(request, call, 1)
    raise GRPC::BadStatus.new(request.status_code, request.status_message) if request.status_code != 0
    reply
  end

  def client_stream(call)
    echo_metadata(call)
    number = 0
    call.each_remote_read { number += 1 }
    answer(Peer::Request.new, call, number)
  end

  def server_stream(request, call)
    echo_metadata(call)
    (1..request.replies).map { |number| answer(request, call, number) }
  end

  def bidi_stream(requests, call)
    echo_metadata(call)
    requests.each_with_index.lazy.map { |request, index| answer(request, call, index + 1) }
  end

  private

  def echo_metadata(call)
    text = call.metadata['x-text']
    data = call.metadata['x-data-bin']
    call.send_initial_metadata('x-text' => text) if text
    call.output_metadata['x-data-bin'] = data if data
  end

  def answer(request, call, number)
    sleep(request.delay_ms / 1000.0)
    left = call.deadline ? ((call.deadline - Time.now) * 1000).to_i : 0
    Peer::Reply.new(payload: request.payload, number: number, server: 'ruby', peer: call.peer,
                    deadline_left_ms: left)
  end
end

server = GRPC::RpcServer.new(pool_size: 8)
server.add_http2_port(ARGV[0], :this_port_is_insecure)
server.handle(Server.new)
Thread.new do
  server.wait_till_running(60)
  puts JSON.generate('listening' => [ARGV[0]])
  $stdout.flush
end
server.run_till_terminated
