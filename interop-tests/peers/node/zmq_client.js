// A stock Node client: takes `kinds` and `call COUNT BYTES` from stdin, as programs/zmq_client.cc.
const fs = require('fs');
const readline = require('readline');
const zmq = require('zeromq');

const AFTER = {Router: 0, Reply: 1, Pull: 2, Push: 3, XSubscriber: 4, XPublisher: 5, Pair: 6}; // programs/zmq_socket.h
const MESSAGES = 100;
const PATIENCE = 60000;
const BINARY = Buffer.from([0, 255, 1, 44]);
const target = process.argv[2];
const opened = [];

function connect(Type, peer) {
  const [, host, port] = target.match(/^(.*):(\d+)$/);
  const socket = new Type({linger: 0});
  for (const name of ['receiveTimeout', 'sendTimeout']) if (name in socket) socket[name] = PATIENCE;
  socket.connect(`tcp://${host}:${Number(port) + AFTER[peer]}`);
  opened.push(socket);
  return socket;
}

const numbered = (number, size = 100) => [`${number}`, '', Buffer.concat([BINARY, Buffer.alloc(size, 'k')])];
const newTopic = () => `topic-${process.hrtime.bigint()}`;
const same = (got, parts) =>
  got.length === parts.length && parts.every((part, i) => Buffer.from(part).equals(got[i]));

async function expectAll(socket, parts, met = null) {
  for (let i = 0; i < MESSAGES; ++i) {
    let got = await socket.receive();
    while (met !== null && same(got, met)) got = await socket.receive();
    if (!same(got, parts(i))) return false;
  }
  return true;
}

// Sends until something comes back: a peer may not have come yet.
async function meet(to, parts, from) {
  let back = false;
  const received = from.receive().then(() => { back = true; });
  while (!back) {
    await to.send(parts);
    await Promise.race([received, new Promise((resolve) => setTimeout(resolve, 100))]);
  }
  await received;
}

const reqRep = (count, size) => async () => {
  const socket = connect(zmq.Request, 'Reply');
  for (let i = 0; i < count; ++i) {
    await socket.send(numbered(i, size));
    if (!same(await socket.receive(), numbered(i, size))) return false;
  }
  return true;
};

async function publish(topic, publisher, subscriber) {
  const met = [topic, 'met'];
  await meet(publisher, met, subscriber);
  const all = expectAll(subscriber, (i) => [topic, `${i}`], met);
  for (let i = 0; i < MESSAGES; ++i) {
    await publisher.send(['other', `${i}`]);
    await publisher.send([topic, `${i}`]);
  }
  return all;
}

const CASES = {
  req_rep: reqRep(MESSAGES, 100),
  req_rep_large: reqRep(3, 1 << 20),
  async dealer_rep() {
    const socket = connect(zmq.Dealer, 'Reply');
    for (let i = 0; i < MESSAGES; ++i) await socket.send(['', `${i}`]);
    return expectAll(socket, (i) => ['', `${i}`]);
  },
  async push_pull() {
    const pull = connect(zmq.Pull, 'Push');
    const push = connect(zmq.Push, 'Pull');
    for (let i = 0; i < MESSAGES; ++i) await push.send(numbered(i));
    return expectAll(pull, numbered);
  },
  async pub_sub() {
    const subscriber = connect(zmq.Subscriber, 'XPublisher');
    const topic = newTopic();
    subscriber.subscribe(topic);
    return publish(topic, connect(zmq.Publisher, 'XSubscriber'), subscriber);
  },
  async xpub_xsub() {
    const publisher = connect(zmq.XPublisher, 'XSubscriber');
    const subscriber = connect(zmq.XSubscriber, 'XPublisher');
    const topic = newTopic();
    await subscriber.send(`\x01${topic}`);
    // Others subscribe as well.
    while (!same(await publisher.receive(), [`\x01${topic}`]));
    return publish(topic, publisher, subscriber);
  },
  async pair() {
    const socket = connect(zmq.Pair, 'Pair');
    await meet(socket, ['met'], socket);
    for (let i = 0; i < MESSAGES; ++i) await socket.send(numbered(i));
    return expectAll(socket, numbered, ['met']);
  },
};

async function kinds() {
  const verdicts = {};
  for (const [name, test] of Object.entries(CASES)) {
    try {
      verdicts[name] = (await test()) ? 'ok' : 'not as expected';
    } catch (error) {
      verdicts[name] = String(error);
    }
    opened.splice(0).forEach((socket) => socket.close());
  }
  return {kinds: verdicts};
}

async function call(socket, count, size) {
  const servers = {};
  let header = {};
  for (let serial = 0; serial < count; ++serial) {
    const payload = Buffer.alloc(size, 'c');
    await socket.send([JSON.stringify({serial, id: ''}), payload]);
    const [reply, back] = await socket.receive();
    header = JSON.parse(reply);
    if (header.serial !== serial || !payload.equals(back)) return {statuses: {14: 1}, error: 'another reply'};
    servers[header.server] = (servers[header.server] || 0) + 1;
  }
  return {statuses: {0: count}, servers, peer: header.peer, peer_properties: header.peer_properties, error: ''};
}

function networkBytes() {
  return fs.readFileSync('/proc/self/net/dev', 'utf8').split('\n').filter((line) => line.includes(':'))
    .reduce((sum, line) => sum + Number(line.split(':')[1].trim().split(/\s+/)[8]), 0);
}

async function main() {
  const socket = connect(zmq.Dealer, 'Router');
  opened.length = 0; // this one stays
  for await (const line of readline.createInterface({input: process.stdin})) {
    const [verb, ...rest] = line.split(' ');
    let answer = {};
    if (verb === 'kinds') answer = await kinds();
    if (verb === 'call') answer = await call(socket, ...rest.map(Number));
    console.log(JSON.stringify({...answer, libzmq: zmq.version, network_bytes: networkBytes()}));
  }
  process.exit(0);
}

main();
