// A storm of clients, in a separate process so that it does not disturb the measurement.
// Argument: JSON { port, seconds, clientsPerSecond, from } where `from` is 'many' (127.0.0.2 to .254) or one address.
// Prints one line of JSON when all clients have started, and one with what became of them when its stdin ends:
// until then clients that hold their connection keep it, and only the server can end it.
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

const REQUEST = 'GET /metrics HTTP/1.1\r\nHost: storm\r\nAccept: */*\r\n';
const LATE_BYTES = 512 * 1024;

/** What a client does, by the phase in which it gives up; those with `holds` never do. */
const PHASES = {
  'half-open, sends nothing': { holds: true, run: () => undefined },
  'resets within its headers': { run: (client) => client.send(REQUEST.slice(0, 30), () => client.reset()) },
  'sends its headers a byte a second': { holds: true, run: (client) => dribble(client, 0) },
  'resets after its request': { run: (client) => client.send(`${REQUEST}\r\n`, () => client.reset()) },
  'closes after its request': {
    run: (client) => client.send(`${REQUEST}\r\n`, () => client.leave()),
  },
  'resets at the first bytes': {
    run: (client) => {
      client.socket.once('data', () => client.reset());
      client.send(`${REQUEST}\r\n`);
    },
  },
  'resets half a megabyte later': {
    run: (client) => {
      client.socket.on('data', () => client.socket.bytesRead >= LATE_BYTES && client.reset());
      // for a shorter response: it disconnects after that
      client.socket.once('data', () => setTimeout(() => client.reset(), 1_000));
      client.send(`${REQUEST}\r\n`);
    },
  },
  'never reads': {
    holds: true,
    bytewise: () => false,
    run: (client) => client.send(`${REQUEST}\r\n`),
  },
  'reads a byte a second': {
    holds: true,
    bytewise: (client) => {
      setTimeout(() => client.socket.resume(), 1_000);
      return false;
    },
    run: (client) => client.send(`${REQUEST}\r\n`),
  },
};

function dribble(client, sent) {
  if (client.over) return;
  const text = `${REQUEST}\r\n`;
  // stops before the end: the headers are never complete
  client.send(text[Math.min(sent, REQUEST.length - 1)]);
  setTimeout(() => dribble(client, sent + 1), 1_000);
}

class Client {
  over = false;
  #endedByItself = false;
  #started = performance.now();

  constructor({ port, from }, phase, record) {
    const { run, bytewise } = phase;
    this.record = record;
    record.clients += 1;
    this.socket = connect({
      host: '127.0.0.1',
      port,
      localAddress: from,
      // directly from the kernel, a byte at a time: the rest stays there
      ...(bytewise && { onread: { buffer: Buffer.alloc(1), callback: () => bytewise(this) } }),
    });
    this.socket.on('error', () => undefined);
    this.socket.once('connect', () => run(this));
    if (!bytewise) this.socket.once('data', (chunk) => this.#answered(chunk));
    this.socket.once('end', () => this.socket.destroy());
    this.socket.once('close', () => this.#closed());
  }

  send(text, then) {
    if (!this.over) this.socket.write(text, then);
  }

  reset() {
    this.leave(() => this.socket.resetAndDestroy());
  }

  leave(how = () => this.socket.destroy()) {
    if (this.over) return;
    this.#endedByItself = true;
    how();
  }

  /** Ends the storm for those that still hold their connection. */
  letGo() {
    if (this.over) return;
    this.record.heldToTheEnd += 1;
    this.reset();
  }

  #answered(chunk) {
    const status = /^HTTP\/1\.1 (\d{3})/.exec(chunk.subarray(0, 16).toString('latin1'))?.[1] ?? 'other';
    this.record.statuses[status] = (this.record.statuses[status] ?? 0) + 1;
  }

  #closed() {
    this.over = true;
    if (this.#endedByItself) return;
    const seconds = (performance.now() - this.#started) / 1_000;
    this.record.endedByServer += 1;
    this.record.longestSeconds = Math.max(this.record.longestSeconds, seconds);
  }
}

const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);

async function main({ port, seconds, clientsPerSecond, from }) {
  const phases = Object.entries(PHASES);
  const records = phases.map(([name, { holds = false }]) => ({
    name,
    holds,
    clients: 0,
    endedByServer: 0,
    longestSeconds: 0,
    heldToTheEnd: 0,
    statuses: {},
  }));
  const ended = new Promise((resolve) => process.stdin.once('end', resolve).resume());
  const clients = [];
  const start = performance.now();
  const total = seconds * clientsPerSecond;
  for (let i = 0; i < total; i++) {
    const wait = start + (i * 1_000) / clientsPerSecond - performance.now();
    if (wait > 1) await pause(wait);
    const which = i % phases.length;
    const address = from === 'many' ? `127.0.0.${2 + (i % 253)}` : from;
    const client = new Client({ port, from: address }, phases[which][1], records[which]);
    if (records[which].holds) clients.push(client);
  }
  const tookSeconds = (performance.now() - start) / 1_000;
  say({ started: total, tookSeconds });
  await ended;
  for (const client of clients) client.letGo();
  await pause(100);
  say({ phases: records });
  process.exit(0);
}

await main(JSON.parse(process.argv[2] ?? '{}'));
