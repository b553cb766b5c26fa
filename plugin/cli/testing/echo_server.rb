# Ruby's gRPC server as it comes; prints "listening PORT", ends when stdin does.
require_relative 'echo_service'

class Server < Echo::Service
  def echo(bytes, _call) = bytes
  def many(bytes, _call) = (1..3).map { bytes }
end

server = GRPC::RpcServer.new
port = server.add_http2_port('127.0.0.1:0', :this_port_is_insecure)
server.handle(Server)
thread = Thread.new { server.run }
server.wait_till_running
puts "listening #{port}"
$stdout.flush
$stdin.read
server.stop
thread.join
