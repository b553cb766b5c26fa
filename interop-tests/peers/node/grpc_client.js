// A stock Node client: takes `kinds` and `call COUNT BYTES` from stdin, as programs/grpc_client.cc.
const fs = require('fs');
const readline = require('readline');
const {grpc, Interop} = require('./service');

const TEXT = 'as it was';
const DATA = Buffer.from([0, 255, 1, 44]);
const ERROR = 'na\u00efve \u2713, and 100%';
const MESSAGES = 5;
const NUMBERS = '1,2,3,4,5';
const client = new Interop(process.argv[2], grpc.credentials.createInsecure(), {'grpc.enable_http_proxy': 0});

const within = (ms) => ({deadline: Date.now() + ms});

// {error, reply, initial, trailing}
function unary(request, {metadata = new grpc.Metadata(), deadline = 60000} = {}) {
  return new Promise((resolve) => {
    const result = {};
    const maybeDone = () => 'reply' in result && 'trailing' in result && resolve(result);
    const call = client.Unary(request, metadata, within(deadline), (error, reply) => {
      Object.assign(result, {error, reply});
      maybeDone();
    });
    call.on('metadata', (initial) => { result.initial = initial; });
    call.on('status', (status) => {
      result.trailing = status.metadata;
      maybeDone();
    });
  });
}

function numbers(call) {
  return new Promise((resolve, reject) => {
    const seen = [];
    call.on('data', (reply) => seen.push(reply.number));
    call.on('error', reject);
    call.on('end', () => resolve(seen.join() === NUMBERS));
  });
}

async function echoes(size) {
  const payload = Buffer.alloc(size, 'u');
  const {error, reply} = await unary({payload});
  if (error) throw error;
  return payload.equals(reply.payload);
}

const CASES = {
  unary: () => echoes(100),
  unary_large: () => echoes(1 << 20),
  client_stream: () => new Promise((resolve, reject) => {
    const call = client.ClientStream(new grpc.Metadata(), within(60000), (error, reply) => {
      if (error) reject(error); else resolve(reply.number === MESSAGES);
    });
    for (let i = 0; i < MESSAGES; ++i) call.write({});
    call.end();
  }),
  server_stream: () => numbers(client.ServerStream({replies: MESSAGES}, within(60000))),
  bidi_stream() {
    const call = client.BidiStream(within(60000));
    for (let i = 0; i < MESSAGES; ++i) call.write({});
    call.end();
    return numbers(call);
  },
  async metadata() {
    const metadata = new grpc.Metadata();
    metadata.set('x-text', TEXT);
    metadata.set('x-data-bin', DATA);
    const {initial, trailing} = await unary({}, {metadata});
    const data = trailing.get('x-data-bin')[0];
    return initial.get('x-text')[0] === TEXT && data !== undefined && DATA.equals(data);
  },
  async deadline_seen() {
    const left = (await unary({})).reply.deadline_left_ms;
    return left > 0 && left <= 61000; // rounded up on the wire
  },
  async deadline_kept() {
    const {error} = await unary({delay_ms: 1000}, {deadline: 200});
    return error !== null && error.code === grpc.status.DEADLINE_EXCEEDED;
  },
  async error_status() {
    const code = grpc.status.FAILED_PRECONDITION;
    const {error} = await unary({status_code: code, status_message: ERROR});
    return error !== null && error.code === code && error.details === ERROR;
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
  }
  return {kinds: verdicts};
}

async function call(count, size) {
  let reply;
  for (let i = 0; i < count; ++i) {
    const result = await unary({payload: Buffer.alloc(size, 'c')});
    if (result.error) return {statuses: {[result.error.code]: 1}, error: result.error.details};
    reply = result.reply;
  }
  return {statuses: {0: count}, servers: {[reply.server]: count}, peer: reply.peer, error: ''};
}

function networkBytes() {
  return fs.readFileSync('/proc/self/net/dev', 'utf8').split('\n').filter((line) => line.includes(':'))
    .reduce((sum, line) => sum + Number(line.split(':')[1].trim().split(/\s+/)[8]), 0);
}

async function main() {
  for await (const line of readline.createInterface({input: process.stdin})) {
    const [verb, ...rest] = line.split(' ');
    let answer = {};
    if (verb === 'kinds') answer = await kinds();
    if (verb === 'call') answer = await call(...rest.map(Number));
    console.log(JSON.stringify({...answer, network_bytes: networkBytes()}));
  }
  client.close();
}

main();
