// node bench/scrape.mjs [--series 150000] [--rounds 100] [--seconds 5] [--only engine|host]
// A scrape of many series by Tocsin's exposition engine beside prom-client's metrics(), each in a separate process that
// runs alone: CPU of all threads and the longest stall of the event loop, where all, half or none of the values changed
// since the last scrape, plain and compressed. Then the host's metrics beside node_exporter, 8 clients.
import { spawnSync } from 'node:child_process';
import { register } from 'node:module';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

if (!process.features.typescript) register('../test/prove/typescript-loader.mjs', import.meta.url);

const { values } = parseArgs({
  options: {
    series: { type: 'string', default: '150000' },
    rounds: { type: 'string', default: '100' },
    seconds: { type: 'string', default: '5' },
    only: { type: 'string' },
  },
});

function run(name) {
  const args = [
    '--expose-gc',
    join(import.meta.dirname, 'scrape/contender.mjs'),
    name,
    values.series,
    values.rounds,
  ];
  const { status, stdout } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status !== 0) throw new Error(`${name} ended with ${status}`);
  return JSON.parse(stdout);
}

const line = (cells) =>
  console.log(
    cells.map((cell, i) => (i === 0 ? String(cell).padEnd(34) : String(cell).padStart(11))).join(''),
  );
const ms = (value) => (value < 10 ? value.toFixed(2) : value.toFixed(1));
const ratio = (ours, theirs) => `1/${(theirs / ours).toFixed(theirs / ours < 20 ? 1 : 0)}`;

function engine() {
  const [theirs, ours] = [run('prom-client'), run('tocsin')];
  const find = (compressed, share) =>
    theirs.results.find((one) => one.compressed === compressed && one.share === share);
  console.log(
    `${values.series} series with five labels; CPU in ms of all threads per scrape (mean), stalls in ms`,
  );
  console.log(
    `resident, MB: Tocsin ${ours.residentMb.toFixed(0)} (three formats), prom-client ${theirs.residentMb.toFixed(0)}\n`,
  );
  line(['', 'CPU', 'prom-client', 'ratio', 'stall p50', 'stall p99', 'prom-client', 'bytes']);
  for (const one of ours.results) {
    const other = find(one.compressed, one.share);
    const what = `${one.format}${one.compressed ? ', gzip' : ''}, ${one.share * 100} % changed`;
    line([
      what,
      ms(one.cpuMs),
      ms(other.cpuMs),
      ratio(one.cpuMs, other.cpuMs),
      ms(one.stallP50),
      ms(one.stallP99),
      ms(other.stallP99),
      one.bytes,
    ]);
  }
}

async function host() {
  const { measureHost } = await import('./scrape/host.mjs');
  const { families, rounds } = await measureHost(Number(values.seconds));
  console.log(
    `\nthe host's metrics, 8 clients, no limits: ${families.ours} families of Tocsin, ${families.theirs} of node_exporter, ${families.shared} in both\n`,
  );
  line(['', 'Tocsin', 'node_exp.', 'ratio']);
  for (const { compressed, ours, theirs } of rounds) {
    const what = compressed ? ', gzip' : '';
    line([
      `requests per second${what}`,
      ours.perSecond.toFixed(0),
      theirs.perSecond.toFixed(0),
      (ours.perSecond / theirs.perSecond).toFixed(1),
    ]);
    line([`CPU per request, ms${what}`, ms(ours.cpuMs), ms(theirs.cpuMs), ratio(ours.cpuMs, theirs.cpuMs)]);
    line([`bytes${what}`, ours.bytes, theirs.bytes, '']);
  }
}

if (values.only !== 'host') engine();
if (values.only !== 'engine') await host();
