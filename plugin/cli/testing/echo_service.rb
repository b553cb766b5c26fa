# A service of plain bytes, as gRPC's Ruby users define theirs by generated code.
require 'grpc'

class Bytes
  attr_reader :data

  def initialize(data) = @data = data

  def self.marshal(bytes) = bytes.data
  def self.unmarshal(data) = new(data)
end

module Echo
  class Service
    include GRPC::GenericService
    self.marshal_class_method = :marshal
    self.unmarshal_class_method = :unmarshal
    self.service_name = 'stock.Echo'
    rpc :Echo, Bytes, Bytes
    rpc :Many, Bytes, stream(Bytes)
  end
  Stub = Service.rpc_stub_class
end
