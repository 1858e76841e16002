import { runHistory } from '../e2e/scenarios/history.ts';

/** The history of one of a thousand services. */
export async function prove() {
  const record = await runHistory({ services: 1_000, days: 30, points: 500, asked: 300 });
  const ms = (value: number) => `${value.toFixed(1)} ms`;
  return {
    title: 'The history of one of 1,000 services: 30 days, 500 points',
    rows: [
      ['rows in the ledger', record.rows.toLocaleString('en')],
      ['size of the ledger', `${(record.fileBytes / 1e9).toFixed(2)} GB`],
      ['points in the response with the fewest', String(record.fewestPoints)],
      ['the first response after the start', ms(record.first)],
      ['responses, each for another service: median', ms(record.median)],
      ['p99', ms(record.p99)],
      ['the slowest', ms(record.most)],
    ] as [string, string][],
    notes: [
      'From the request to the last byte, over HTTP; the file is in the cache of the operating system.',
      'The ledger is filled as by 1,000 services every 30 s: single runs for two days, sums for five minutes and for an hour.',
    ],
  };
}
