// What programs/zmq_server.cc does, by a stock Node server.
const zmq = require('zeromq');

// By port, the address's own first: programs/zmq_socket.h.
const TYPES = ['Router', 'Reply', 'Pull', 'Push', 'XSubscriber', 'XPublisher', 'Pair'];
const WAYS = {Reply: 'Reply', Pull: 'Push', XSubscriber: 'XPublisher', XPublisher: 'XSubscriber', Pair: 'Pair'};

async function pass(from, to) {
  for await (const parts of from) await to.send(parts);
}

async function answer(router) {
  for await (const [id, request, payload] of router) {
    const {serial} = JSON.parse(request);
    const reply = {serial, server: 'node', peer: 'ipv4:', peer_properties: {}};
    await router.send([id, JSON.stringify(reply), payload]);
  }
}

async function main() {
  const address = process.argv[2];
  const [, host, port] = address.match(/^(.*):(\d+)$/);
  const sockets = {};
  for (const [after, type] of TYPES.entries()) {
    sockets[type] = new zmq[type]();
    await sockets[type].bind(`tcp://${host}:${Number(port) + after}`);
  }
  console.log(JSON.stringify({listening: [address]}));
  await Promise.all([answer(sockets.Router),
    ...Object.entries(WAYS).map(([from, to]) => pass(sockets[from], sockets[to]))]);
}

main();
