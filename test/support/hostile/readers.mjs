// Clients that request everything and read nothing, pipeline too much, or disconnect. One process for all, so that
// measurements beside them are not slowed. Arguments: port, clients, addresses. Ends with its stdin.
import { connect } from 'node:net';

const [port, clients, addresses] = process.argv.slice(2).map(Number);
const PATHS = [
  '/history?limit=1000&services=all',
  '/history?limit=1000',
  '/cluster_health',
  '/api/v1/services',
  '/api/v1/events?limit=10000',
  '/api/v1/alerts?limit=10000',
  '/api/v1/deliveries?limit=10000',
  '/api/v1/quarantine?limit=1000',
  '/api/v1/events/stream?after=none-1',
  '/api/v1/sinks',
  '/config',
  '/stats',
  '/health',
  '/alerts',
];
const PIPELINED = 100;
const AGAIN_MS = 200;
/** A client that reads nothing does not notice that it was cut off. */
const SILENT_MS = 10_000;
const counts = { asked: 0, answers: {}, refused: 0, ended: 0 };

/**
 * `silent` reads nothing, `pipelining` sends a hundred requests at once and reads, `aborting` disconnects in the
 * middle.
 */
const KINDS = ['silent', 'pipelining', 'aborting', 'silent and pipelining'];

function run(i) {
  const kind = KINDS[i % KINDS.length];
  const path = PATHS[Math.floor(i / KINDS.length) % PATHS.length];
  const request = `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`;
  const socket = connect({ port, host: '127.0.0.1', localAddress: `127.0.0.${2 + (i % addresses)}` });
  socket.on('error', () => undefined);
  socket.once('connect', () => {
    const times = kind.includes('pipelining') ? PIPELINED : 1;
    counts.asked += times;
    socket.write(request.repeat(times));
  });
  if (kind.startsWith('silent')) {
    socket.pause();
    setTimeout(() => socket.destroy(), SILENT_MS);
  } else {
    socket.on('data', (chunk) => {
      const status = /^HTTP\/1\.1 (\d{3})/.exec(chunk.toString('latin1', 0, 16))?.[1];
      if (status !== undefined) counts.answers[status] = (counts.answers[status] ?? 0) + 1;
      if (kind === 'aborting') socket.destroy();
    });
  }
  socket.once('close', () => {
    counts.ended += 1;
    setTimeout(() => run(i), AGAIN_MS);
  });
}

for (let i = 0; i < clients; i++) run(i);
process.stdin.resume().on('end', () => {
  process.stdout.write(`${JSON.stringify(counts)}\n`, () => process.exit());
});
process.stdout.write('ready\n');
