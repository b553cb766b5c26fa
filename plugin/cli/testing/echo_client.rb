# Ruby's gRPC client as it comes: ADDRESS CALLS BYTES. Prints as stock_echo does, ends when stdin does.
require_relative 'echo_service'

address, calls, bytes = ARGV[0], ARGV[1].to_i, ARGV[2].to_i
stub = Echo::Stub.new(address, :this_channel_is_insecure)
back = (1..calls).sum { stub.echo(Bytes.new('r' * bytes)).data.size }
raise 'stream' unless stub.many(Bytes.new('s')).map(&:data) == %w[s s s]

puts "#{calls} calls, #{back} bytes back"
$stdout.flush
$stdin.read
