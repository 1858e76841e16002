// The probed servers: services that answer, one with a large response, one that accepts and never answers, and a Redis
// that floods. Each check has its own address, by which its runs are counted. In one process, so that measurements
// beside it are not slowed. Prints its ports; commands: `mark` (count from now), `fail N`, `mend N`, `report`.
import { createServer as createHttp } from 'node:http';
import { createServer as createTcp } from 'node:net';
import { createInterface } from 'node:readline';

/** Numbers, 689 KB of them. */
const LARGE = Buffer.from(`{"items":${JSON.stringify(Array.from({ length: 100_017 }, (_, i) => i))}}`);
const SMALL = Buffer.from('{"status":"ok"}');
const FLOOD = Buffer.alloc(65_536, '$5\r\nflood\r\n');

/** Runs by address: the time of the last one, how many, and the times between them. */
const runs = { good: new Map(), hanging: new Map() };
const failing = new Set();
let markedAt = performance.now();
let floodedBytes = 0;

function count(kind, socket) {
  const now = performance.now();
  const run = runs[kind].get(socket.localAddress) ?? { last: markedAt, count: 0, gaps: [] };
  runs[kind].set(socket.localAddress, run);
  run.gaps.push(now - run.last);
  run.last = now;
  run.count += 1;
}

const http = createHttp((request, response) => {
  const name = request.url.slice(1);
  if (name !== 'large' && name !== 'other') count('good', request.socket);
  const body = name === 'large' ? LARGE : SMALL;
  const headers = { 'content-type': 'application/json', 'content-length': body.length };
  response.writeHead(failing.has(name) ? 503 : 200, headers).end(body);
});
const hanging = createTcp((socket) => {
  count('hanging', socket);
  socket.on('error', () => undefined).resume();
});
const redis = createTcp((socket) => {
  const flood = () => {
    for (let more = true; more && !socket.destroyed; floodedBytes += FLOOD.length) more = socket.write(FLOOD);
  };
  socket.on('error', () => undefined).on('drain', flood);
  socket.once('data', flood).resume();
});

function report() {
  const now = performance.now();
  const all = (kind) =>
    [...runs[kind]].map(([address, { count: times, gaps, last }]) => ({
      address,
      count: times,
      gapsMs: [...gaps, now - last].map(Math.round),
    }));
  return { seconds: (now - markedAt) / 1_000, good: all('good'), hanging: all('hanging'), floodedBytes };
}

const orders = {
  mark: () => {
    markedAt = performance.now();
    for (const kind of Object.values(runs)) {
      for (const run of kind.values()) Object.assign(run, { last: markedAt, count: 0, gaps: [] });
    }
  },
  fail: (name) => failing.add(name),
  mend: (name) => failing.delete(name),
  report: () => process.stdout.write(`${JSON.stringify(report())}\n`),
};

const listening = (server) =>
  new Promise((resolve) => {
    server.listen({ port: 0, host: '0.0.0.0', backlog: 4096 }, () => resolve(server.address().port));
  });
const ports = [await listening(http), await listening(hanging), await listening(redis)];
createInterface({ input: process.stdin })
  .on('line', (line) => {
    const [order, name] = line.split(' ');
    orders[order](name);
  })
  .on('close', () => process.stdout.write('{}\n', () => process.exit()));
process.stdout.write(`ready ${ports.join(' ')}\n`);
