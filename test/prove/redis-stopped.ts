import { runRedisStopped } from '../e2e/scenarios/redis-stopped.ts';

/** A minute without Redis, and what is in the stream afterwards. */
export async function prove() {
  const record = await runRedisStopped({ perSecond: 1_000, upSeconds: 10, downSeconds: 60, restart: true });
  return {
    title: 'A minute without Redis',
    rows: [
      ['load', '1,000 first firings a second, 20 in each webhook request'],
      ['Redis', 'killed (`kill -9`) after 10 s, restarted 60 s later, `appendfsync always`'],
      ['Tocsin', '`kill -9` and restarted in the middle of that minute'],
      ['events in the ledger', String(record.events)],
      ['entries in the stream', String(record.entries)],
      ['events that are not in the stream', String(record.missing)],
      ['events out of order (by their first entry)', String(record.outOfOrder)],
      ['entries of an event that was there already', String(record.duplicates)],
      ['`tocsin_sink_offset_lag` before Redis came back', String(record.greatestLag)],
      [
        'from the start of Redis until at most half a second behind, under load',
        `${record.catchUpSeconds.toFixed(1)} s`,
      ],
      ['failed attempts since the restart of Tocsin', String(record.failures)],
      ['p99 of webhook requests while Redis ran', `${record.p99Up.toFixed(1)} ms`],
      ['p99 of webhook requests while it was down', `${record.p99Down.toFixed(1)} ms`],
      ['time', `${record.seconds.toFixed(1)} s`],
    ] as [string, string][],
    notes: [
      'Duplicates are possible where a transaction was under way when Redis or Tocsin was killed: at most one batch of 100 for each. Their field `id` is the same.',
    ],
  };
}
