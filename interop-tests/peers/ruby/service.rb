# The stubs of interop.proto. What protoc makes goes by the name interop_pb.rb.
require 'grpc'
require 'json'
require_relative 'interop_pb'

module Peer
  Request = Samehost::Interop::Request
  Reply = Samehost::Interop::Reply

  class Service
    include GRPC::GenericService
    self.marshal_class_method = :encode
    self.unmarshal_class_method = :decode
    self.service_name = 'samehost.interop.Interop'
    rpc :Unary, Request, Reply
    rpc :ClientStream, stream(Request), Reply
    rpc :ServerStream, Request, stream(Reply)
    rpc :BidiStream, stream(Request), stream(Reply)
  end
  Stub = Service.rpc_stub_class
end
