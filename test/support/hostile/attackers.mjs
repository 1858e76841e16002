// Clients that use up shared resources: uploads that stall, and requests for event streams, probes and reads that are
// pipelined. One process for all of them. Arguments: port of Tocsin, target with a large answer, target
// that never answers. Ends with its stdin.
import { connect } from 'node:net';

const [port, large, hanging] = process.argv.slice(2);
const AGAIN_MS = 500;
/** A client that reads nothing does not notice that it was cut off. */
const SILENT_MS = 10_000;
/** Within the limit of pipelined requests, and far beyond it. */
const [FEW, MANY] = [30, 300];
const UPLOAD = Buffer.alloc(256 * 1024, ' ');
const UPLOAD_TIMES = 32;
const READS = [
  '/history?limit=1000&services=all',
  '/api/v1/events?limit=10000',
  '/cluster_health',
  '/config',
];
const counts = {};

const get = (path) => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`;
const probe = (module, target) => get(`/probe?module=${module}&target=${encodeURIComponent(target)}`);
const upload = [
  `POST /api/webhooks/alertmanager/grafana HTTP/1.1`,
  `Host: 127.0.0.1:${port}`,
  'Content-Type: application/json',
  // detected as invalid only when the whole body has arrived
  `X-Signature: ${'0'.repeat(64)}`,
  `Content-Length: ${48 * 2 ** 20}`,
  '',
  '',
].join('\r\n');

/** Each: how many clients, of how many addresses, what they send, and whether they read. */
const KINDS = {
  'stalled upload': { clients: 12, addresses: 6, head: upload, bodies: UPLOAD_TIMES, reads: true },
  'event streams, 300 at once': { clients: 2, addresses: 2, head: get('/api/v1/events/stream').repeat(MANY) },
  'event streams, 30 at once': { clients: 6, addresses: 3, head: get('/api/v1/events/stream').repeat(FEW) },
  'probes, 300 at once': { clients: 2, addresses: 2, head: probe('http_2xx', hanging).repeat(MANY) },
  'probes, 30 at once': {
    clients: 4,
    addresses: 2,
    head: probe('http_2xx', hanging).repeat(FEW),
    reads: true,
  },
  'probes with the rule in CEL': { clients: 4, addresses: 4, head: probe('quadratic', large), reads: true },
  'reads, 100 at once, not read': { clients: 8, addresses: 4, head: '', repeat: 100 },
  'reads, 30 at once, not read': { clients: 8, addresses: 4, head: '', repeat: FEW },
};

let address = 50;
for (const [name, kind] of Object.entries(KINDS)) {
  counts[name] = { connections: 0, ended: 0, answers: {} };
  for (let i = 0; i < kind.clients; i++) run(name, kind, i, `127.0.0.${address + (i % kind.addresses)}`);
  address += kind.addresses;
}

function run(name, kind, i, localAddress) {
  const count = counts[name];
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  const again = () => setTimeout(() => run(name, kind, i, localAddress), AGAIN_MS);
  socket.on('error', () => undefined);
  socket.once('connect', () => {
    count.connections += 1;
    socket.write(kind.repeat === undefined ? kind.head : get(READS[i % READS.length]).repeat(kind.repeat));
    if (kind.bodies !== undefined) sendBodies(socket, kind.bodies);
  });
  if (kind.reads === true) {
    socket.on('data', (chunk) => {
      const status = /^HTTP\/1\.1 (\d{3})/.exec(chunk.toString('latin1', 0, 16))?.[1];
      if (status === undefined) return;
      count.answers[status] = (count.answers[status] ?? 0) + 1;
      if (name.includes('CEL')) socket.end();
    });
  } else {
    socket.pause();
    setTimeout(() => socket.destroy(), SILENT_MS);
  }
  socket.once('close', () => {
    count.ended += 1;
    again();
  });
}

/** A part of what was announced, as fast as it is read; then nothing more. */
function sendBodies(socket, times) {
  for (let left = times; left > 0 && !socket.destroyed; left--) {
    if (socket.write(UPLOAD)) continue;
    socket.once('drain', () => sendBodies(socket, left - 1));
    return;
  }
}

process.stdin.resume().on('end', () => {
  process.stdout.write(`${JSON.stringify(counts)}\n`, () => process.exit());
});
process.stdout.write('ready\n');
