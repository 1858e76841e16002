import { runCoalescing } from '../e2e/scenarios/coalescing.ts';
import { runStorm, total, type Course, type StormRecord, type StormRun } from '../e2e/scenarios/storm.ts';
import {
  readPage,
  startStormedNodeExporter,
  startStormedTocsin,
  type StormedServer,
  type StormedTocsin,
} from '../support/storm/servers.ts';
import { temporaryFolder } from '../support/processes/tocsin.ts';

type Rows = [string, string][];

const STORM: StormRun = {
  seconds: 60,
  clientsPerSecond: 200,
  from: 'many',
  settleSeconds: 30,
  restSeconds: 60,
};
/** A node_exporter never closes connections: there is nothing to wait for. */
const PEER: StormRun = { ...STORM, settleSeconds: 25, restSeconds: 5 };
/** The storm from Prometheus's own address, long enough to see the effect on it. */
const SHARED: StormRun = {
  seconds: 15,
  clientsPerSecond: 200,
  from: '127.0.0.1',
  settleSeconds: 1,
  restSeconds: 0,
};
/** At the usual interval, they change the page 67 times a second. */
const LARGE = { checks: 2_000, intervalSeconds: 30 };
const MEDIUM = { checks: 500, intervalSeconds: 10 };
const TOKEN = 'for-the-scraper';

const SHARED_RUNS: readonly (readonly [string, Partial<StormedTocsin>])[] = [
  ['default configuration', {}],
  ['`metrics.trusted: [127.0.0.1/32]`', { config: 'metrics: { trusted: [127.0.0.1/32] }\n' }],
  [
    'the same, and `rate_limit: { per_second: 400, burst: 400 }`',
    {
      config: 'metrics: { trusted: [127.0.0.1/32], rate_limit: { per_second: 400, burst: 400 } }\n',
    },
  ],
  ['a token of scope `metrics`, which only Prometheus has', { token: TOKEN }],
];

/** The first incident: clients that request /metrics and disconnect, beside a Prometheus that must not notice. */
export async function prove() {
  const tocsin = await stormedTocsin(LARGE, STORM);
  const exporter = await onServer(await startStormedNodeExporter(), (server) => runStorm(server, PEER));
  const shared: Rows = [];
  for (const [name, options] of SHARED_RUNS) {
    const record = await stormedTocsin({ ...MEDIUM, ...options }, SHARED);
    shared.push([`all from 127.0.0.1, ${name}`, sharedOutcome(record)]);
  }
  const live = await liveMemory();
  const coalescing = await runCoalescing({ seconds: 20, ...MEDIUM, curls: 3, perSecond: 10 });
  return {
    title: 'A scrape storm of 200 clients a second for a minute',
    rows: [
      ...stormRows('Tocsin', tocsin),
      ...accountRows(tocsin),
      ...phaseRows(tocsin),
      [
        'Tocsin: memory in use before and after a storm of 20 s, garbage collected',
        live.map((bytes) => mb(bytes)).join(', '),
      ],
      ...stormRows('node_exporter 1.11', exporter),
      ...shared,
      [
        'two Prometheus servers and three `curl` loops: scrapes, scrapes that joined a collection, collections',
        `${coalescing.served}, ${coalescing.coalesced}, ${coalescing.collections}`,
      ],
      [
        'of those, failed scrapes of the two Prometheus servers',
        coalescing.prometheus.map(({ failed, scrapes }) => `${failed} of ${scrapes}`).join(', '),
      ],
    ] as Rows,
    notes: NOTES,
  };
}

const NOTES = [
  'The clients come from 127.0.0.2 to 127.0.0.254 in turn, from a separate process; each does one of nine things, in turn. Those that hold their connection still do so after the storm: only the server closes them.',
  'Prometheus 3.5 scrapes every second from 127.0.0.1 with a timeout of 1 s. Memory, sockets (all descriptors) and CPU are read from /proc/PID; memory counts as back within 10 % of before.',
  'Tocsin logs at level debug: lines that are not above debug are one summary a minute.',
  'The connections by how they ended add up to the clients, each counted once; those `used` or `stalled` asked for /metrics, and are `served`, `aborted`, `limited`, `overloaded` or `failed` there, together with the scrapes of Prometheus.',
  '`served` includes clients that disconnected more than a second after all of their response was sent, or never read one that the kernel buffered completely.',
  'A storm from the address of Prometheus cannot be distinguished from Prometheus by address: the rate limit of that address is used up, with `trusted` too. A token helps, since it is checked before the rate limit, and so does a separate address; a high limit helps as long as the machine keeps up.',
];

async function stormedTocsin(options: Omit<StormedTocsin, 'folder'>, run: StormRun): Promise<StormRecord> {
  await using folder = temporaryFolder();
  const server = await startStormedTocsin({ ...options, folder: folder.path });
  return await onServer(server, (each) => runStorm(each, run));
}

async function onServer(
  server: StormedServer,
  run: (server: StormedServer) => Promise<StormRecord>,
): Promise<StormRecord> {
  try {
    return await run(server);
  } finally {
    await server.stop();
  }
}

/** What a storm leaves behind, without what the next garbage collection frees. */
async function liveMemory(): Promise<number[]> {
  await using folder = temporaryFolder();
  const server = await startStormedTocsin({ ...MEDIUM, folder: folder.path, heapSnapshots: true });
  const live = server.liveBytes ?? (() => Promise.resolve(NaN));
  try {
    await readPage(server.port);
    const before = await live();
    await runStorm(server, { ...STORM, seconds: 20, restSeconds: 0 });
    return [before, await live()];
  } finally {
    await server.stop();
  }
}

function mb(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function stormRows(name: string, record: StormRecord): Rows {
  const { prometheus, lines, resident, sockets, socketsBackSeconds, tookSeconds } = record;
  const course = ({ before, peak, after }: Course, show: (value: number) => string) =>
    `${show(before)}, ${show(peak)}, ${show(after)}`;
  return [
    [`${name}: clients`, `${record.clients} in ${tookSeconds.toFixed(1)} s`],
    [`${name}: failed scrapes of Prometheus`, `${prometheus.failed} of ${prometheus.scrapes}`],
    [`${name}: slowest scrape`, `${(prometheus.slowestSeconds * 1_000).toFixed(0)} ms`],
    [`${name}: lines above debug in its log; all lines`, `${lines.above.length}; ${lines.all}`],
    [`${name}: page, uncompressed`, mb(record.pageBytes)],
    [`${name}: resident memory before, maximum, after`, course(resident, mb)],
    [`${name}: descriptors before, maximum, after`, course(sockets, String)],
    [
      `${name}: descriptors back after the last client`,
      socketsBackSeconds === undefined
        ? 'no, while clients hold on'
        : `${socketsBackSeconds.toFixed(1)} s, while clients hold on`,
    ],
    [`${name}: CPU during the storm`, `${record.cpuSeconds.toFixed(1)} s`],
  ];
}

function accountRows({ accounts, clients }: StormRecord): Rows {
  if (accounts === undefined) return [];
  const { connections, scrapes } = accounts;
  const asked = (connections['used'] ?? 0) + (connections['stalled'] ?? 0);
  return [
    [`Tocsin: connections by how they ended; together (clients: ${clients})`, sum(connections)],
    ['Tocsin: `tocsin_scrapes_total` by outcome; together', sum(scrapes)],
    [
      'Tocsin: clients that sent a request; other scrapes, by Prometheus',
      `${asked}; ${total(scrapes) - asked}`,
    ],
  ];
}

function phaseRows({ phases }: StormRecord): Rows {
  return phases.map(({ name, clients, endedByServer, longestSeconds, heldToTheEnd }) => [
    `Tocsin: client that ${name}`,
    [
      `${clients}`,
      ...(endedByServer > 0
        ? [`${endedByServer} closed by the server, after at most ${longestSeconds.toFixed(1)} s`]
        : []),
      ...(heldToTheEnd > 0 ? [`${heldToTheEnd} never noticed the close`] : []),
    ].join('; '),
  ]);
}

function sharedOutcome({ prometheus, accounts, lines }: StormRecord): string {
  const counts =
    accounts === undefined ? '' : `; ${sum(accounts.scrapes)}; connections ${sum(accounts.connections)}`;
  return `failed scrapes of Prometheus: ${prometheus.failed} of ${prometheus.scrapes}; lines above debug: ${lines.above.length}${counts}`;
}

function sum(counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts).filter(([, count]) => count !== 0);
  return `${parts.map(([name, count]) => `${name} ${count}`).join(', ')}; ${total(counts)}`;
}
