import { runStorm } from '../e2e/scenarios/storm.ts';

/** The first incident: clients that come for /metrics and go away, beside a Prometheus that must not notice. */
export async function prove() {
  const record = await runStorm({ seconds: 30, clientsPerSecond: 200, checks: 500 });
  const mb = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
  return {
    title: 'A scrape storm of 200 clients a second for 30 s',
    rows: [
      ['clients, from 127.0.0.2 to 127.0.0.254', String(record.clients)],
      ['scrapes of a real Prometheus, every second from 127.0.0.1', String(record.prometheusScrapes)],
      ['of those failed; lowest `up`', `${record.failedScrapes}; ${record.lowestUp}`],
      ['lines above debug in the log', String(record.lines.length)],
      [
        '`tocsin_scrapes_total` during the storm',
        Object.entries(record.outcomes)
          .map(([outcome, count]) => `${outcome}: ${count}`)
          .join(', '),
      ],
      ['size of the page', mb(record.bytesOfPage)],
      ['resident memory before, after', `${mb(record.residentBefore)}, ${mb(record.residentAfter)}`],
    ] as [string, string][],
    notes: [
      'A third of the clients reset the connection right after asking, a third after the first bytes of the answer, a third 2 ms after asking.',
      '`served` holds the scrapes of Prometheus, and clients that vanished after all of the answer had left.',
    ],
  };
}
