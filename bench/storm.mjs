// node bench/storm.mjs [--seconds 30] [--clients 200] [--checks 0]
// The same storm of disconnecting clients against Tocsin and node_exporter, each beside a Prometheus that scrapes every
// second: CPU of the server, lines in its log, failed scrapes, memory and descriptors, and the ratios of one run. With
// --checks 0 Tocsin serves the host's metrics and its own, about as large a page as node_exporter's.
import { register } from 'node:module';
import { parseArgs } from 'node:util';

if (!process.features.typescript) register('../test/prove/typescript-loader.mjs', import.meta.url);
const { runStorm } = await import('../test/e2e/scenarios/storm.ts');
const { startStormedNodeExporter, startStormedTocsin } = await import('../test/support/storm/servers.ts');
const { temporaryFolder } = await import('../test/support/processes/tocsin.ts');

function options() {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '30' },
      clients: { type: 'string', default: '200' },
      checks: { type: 'string', default: '0' },
    },
  });
  const numbers = Object.entries(values).map(([name, text]) => {
    const number = Number(text);
    if (Number.isInteger(number) && number >= 0) return [name, number];
    throw new Error(`--${name} is "${text}"; expected a whole number`);
  });
  return Object.fromEntries(numbers);
}

async function measure(start, { seconds, clients }) {
  const server = await start();
  try {
    return await runStorm(server, {
      seconds,
      clientsPerSecond: clients,
      from: 'many',
      settleSeconds: 20,
      restSeconds: 5,
    });
  } finally {
    await server.stop();
  }
}

const ROWS = [
  ['clients', (record) => record.clients],
  ['page, bytes', (record) => record.pageBytes],
  ['CPU, seconds', (record) => record.cpuSeconds, 'lower is better'],
  ['lines above debug', (record) => record.lines.above.length, 'lower is better'],
  ['failed scrapes', (record) => record.prometheus.failed, 'lower is better'],
  ['scrapes', (record) => record.prometheus.scrapes],
  ['slowest scrape, seconds', (record) => record.prometheus.slowestSeconds, 'lower is better'],
  ['resident at most, MB', (record) => record.resident.peak / 1e6, 'lower is better'],
  ['descriptors at most', (record) => record.sockets.peak, 'lower is better'],
  ['descriptors left', (record) => record.sockets.after - record.sockets.before, 'lower is better'],
];

const shown = (value) => (Number.isInteger(value) ? String(value) : value.toFixed(3));

function print(ours, theirs) {
  const line = (cells) =>
    console.log(cells.map((cell, i) => (i === 0 ? cell.padEnd(26) : cell.padStart(14))).join(''));
  line(['', 'Tocsin', 'node_exporter', 'ratio']);
  for (const [name, read, compared] of ROWS) {
    const [our, their] = [read(ours), read(theirs)];
    const ratio = compared === undefined || their === 0 ? '' : (our / their).toFixed(3);
    line([name, shown(our), shown(their), ratio]);
  }
}

const given = options();
const folder = temporaryFolder();
const ours = await measure(() => startStormedTocsin({ folder: folder.path, checks: given.checks }), given);
const theirs = await measure(() => startStormedNodeExporter(), given);
print(ours, theirs);
await folder[Symbol.asyncDispose]();
