// The stubs of interop.proto.
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const definition = loader.loadSync(`${__dirname}/../interop.proto`, {keepCase: true, longs: Number, defaults: true});
exports.grpc = grpc;
exports.Interop = grpc.loadPackageDefinition(definition).samehost.interop.Interop;
