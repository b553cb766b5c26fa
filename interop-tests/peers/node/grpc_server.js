// The service of interop.proto by a stock Node server.
const {grpc, Interop} = require('./service');

function echoMetadata(call) {
  const trailing = new grpc.Metadata();
  const text = call.metadata.get('x-text')[0];
  const data = call.metadata.get('x-data-bin')[0];
  if (text !== undefined) {
    const initial = new grpc.Metadata();
    initial.set('x-text', text);
    call.sendMetadata(initial);
  }
  if (data !== undefined) trailing.set('x-data-bin', data);
  return trailing;
}

function answer(call, request, number) {
  const deadline = call.getDeadline();
  const end = deadline instanceof Date ? deadline.getTime() : deadline;
  return {
    payload: request.payload,
    number,
    server: 'node',
    peer: call.getPeer(),
    deadline_left_ms: Number.isFinite(end) ? Math.round(end - Date.now()) : 0,
  };
}

const server = new grpc.Server();
server.addService(Interop.service, {
  Unary(call, done) {
    const trailing = echoMetadata(call);
    const {request} = call;
    setTimeout(() => {
      if (request.status_code) {
        done({code: request.status_code, details: request.status_message}, null, trailing);
      } else {
        done(null, answer(call, request, 1), trailing);
      }
    }, request.delay_ms);
  },
  ClientStream(call, done) {
    const trailing = echoMetadata(call);
    let number = 0;
    call.on('data', () => ++number);
    call.on('end', () => done(null, answer(call, {}, number), trailing));
  },
  ServerStream(call) {
    const trailing = echoMetadata(call);
    for (let number = 1; number <= call.request.replies; ++number) {
      call.write(answer(call, call.request, number));
    }
    call.end(trailing);
  },
  BidiStream(call) {
    const trailing = echoMetadata(call);
    let number = 0;
    call.on('data', (request) => call.write(answer(call, request, ++number)));
    call.on('end', () => call.end(trailing));
  },
});
const address = process.argv[2];
server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
  console.log(JSON.stringify({listening: [address]}));
});
