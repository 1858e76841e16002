import { loadavg } from 'node:os';
import { runHostile, type HostileRecord } from '../e2e/scenarios/hostile.ts';

type Rows = [string, string][];

/** Half an hour of everything hostile at once. SECONDS sets another duration. */
export async function prove() {
  const seconds = Number(process.env['SECONDS'] ?? '1800');
  const record = await runHostile({
    good: 680,
    hanging: 320,
    intervalSeconds: 30,
    timeoutSeconds: 10,
    alerts: 12_000,
    readers: 200,
    seconds,
    patienceSeconds: 10,
    roundSeconds: 60,
    heapMb: 256,
  });
  process.stdout.write(`${JSON.stringify(record, undefined, 2)}\n`);
  return {
    title: 'Half an hour of everything hostile at once',
    rows: [
      ...requestRows(record),
      ...processRows(record),
      ...alertRows(record),
      ...checkRows(record),
      ...endRows(record),
    ],
    notes: [...NOTES(seconds), ...failures(record)],
  };
}

const ms = (value: number) => `${value.toFixed(1)} ms`;
const mb = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;
const s = (value: number) => `${value.toFixed(1)} s`;

function requestRows({ requests, clientLag }: HostileRecord): Rows {
  const rows = Object.entries(requests).map(([name, { count, p50, p99, max, failed }]): [string, string] => [
    `${name}: requests; not answered with 200; median, p99, maximum`,
    `${count}; ${failed.length}; ${[p50, p99, max].map(ms).join(', ')}`,
  ]);
  return [
    ...rows,
    [
      'event loop lag of the measuring client: p99, maximum',
      [clientLag.p99, clientLag.max].map(ms).join(', '),
    ],
  ];
}

function processRows({ residentBytes, lag, cpuShare, log }: HostileRecord): Rows {
  const { before, peak, after } = residentBytes;
  return [
    ['died', 'no'],
    ['resident memory before, maximum, after', [before, peak, after].map(mb).join(', ')],
    [
      'event loop lag between two scrapes: median p99, worst p99, maximum',
      [lag.p99.median, lag.p99.max, lag.max].map((seconds) => ms(seconds * 1_000)).join(', '),
    ],
    ['CPU, of one core', `${(cpuShare * 100).toFixed(0)} %`],
    ['log lines lost while no one read them', String(log.dropped)],
    ['log lines at level error, except about files that were a pipe', String(log.errors.length)],
  ];
}

function alertRows({ deliveries, ledger }: HostileRecord): Rows {
  return [
    [
      'deliveries sent, answered with 200 (the first ones with 200 alerts each)',
      `${deliveries.sent}, ${deliveries.answered}`,
    ],
    [
      'firings and resolves of their alerts that were lost; recorded twice',
      `${ledger.lost.length}; ${ledger.twice.length}`,
    ],
    ['alert events in the ledger', String(ledger.alertEvents)],
  ];
}

function checkRows({ checks, ledger, faults }: HostileRecord): Rows {
  const { intervals, late, longestSeconds, hangingRuns } = checks;
  const wrong = Object.entries(ledger.wrong).map(([state, names]) => `${state}: ${names.length}`);
  return [
    [
      'good checks: intervals; longer than interval and timeout; share on time; the longest',
      `${intervals}; ${late}; ${(100 * (1 - late / intervals)).toFixed(2)} %; ${s(longestSeconds)}`,
    ],
    ['good checks that were reported as anything but healthy', wrong.join(', ') || 'none'],
    ['runs of each hanging check: fewest, most', `${hangingRuns.fewest}, ${hangingRuns.most}`],
    ['outages of a good service: reported after', faults.outageSeconds.map(s).join(', ')],
    [
      'reloads: signals, of which while a file was a pipe; reloads in the ledger',
      `${faults.reloads.good + faults.reloads.refused}, ${faults.reloads.refused}; ${ledger.reloads}`,
    ],
  ];
}

function endRows({ attacks, readers, floodedBytes, rest, end }: HostileRecord): Rows {
  const answers = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts)
      .map(([status, count]) => `${status}: ${count}`)
      .join(', ') || 'not read';
  return [
    [
      'hostile readers: requests; connections that ended; first answers',
      `${readers.asked}; ${readers.ended}; ${answers(readers.answers)}`,
    ],
    ...Object.entries(attacks).map(([name, count]): [string, string] => [
      `${name}: connections; answers`,
      `${count.connections}; ${answers(count.answers)}`,
    ]),
    ['sent by the flooding Redis', mb(floodedBytes)],
    ['after the storm: until none of its event streams and connections is open', s(rest.seconds)],
    [
      'after the storm, at once: 16 reads, 16 probes and a signed delivery, not answered with 200',
      String(rest.statuses.filter((status) => status !== 200).length),
    ],
    [
      'SIGTERM during a storm, while the log is not read: exit code, seconds to the exit',
      `${end.exitCode}, ${s(end.seconds)}`,
    ],
  ];
}

function failures({ requests, log, ledger }: HostileRecord): string[] {
  const failed = Object.entries(requests).flatMap(([name, { failed: all }]) =>
    all.slice(0, 3).map((text) => `${name}: ${text}`),
  );
  return [
    ...failed,
    ...log.errors.slice(0, 3),
    ...ledger.lost.slice(0, 3).map((instance) => `lost: ${instance}`),
  ];
}

const NOTES = (seconds: number) => [
  `${seconds} s; 1,005 services every 30 s with a timeout of 10 s, of which 320 never answer; 12,000 open alerts; a heap of 256 MB (--max-old-space-size=256).`,
  'At once: 200 readers of every path from 40 addresses (as in hostile-reads); uploads without a credential that stall after 8 MB of 48 MB; event streams, probes and reads sent 30, 100 and 300 at a time; `/probe` and two services with a CEL rule that is quadratic in a response of 689 KB; a Redis that floods.',
  'Each minute: three reloads by SIGHUP, of which one while a token file is a pipe; a targets file that is a pipe for 20 s; standard output that is not read for 40 s; a good service that answers 503 until the API shows it as unhealthy.',
  'Each delivery has five new alerts and the ends of five older ones; one in ten is sent twice. The whole ledger is read afterwards; lost and twice refer to the deliveries answered with 200.',
  'Generators, targets and the measuring client are separate processes on the same two cores.',
  `Load of the machine at the end (1 minute): ${(loadavg()[0] ?? NaN).toFixed(1)}.`,
];
