import { runResume } from '../e2e/scenarios/sse-resume.ts';

/** A client that loses its connection a thousand times, and misses nothing. */
export async function prove() {
  const record = await runResume({ kills: 1_000, perSecond: 1_000, restarts: 5 });
  return {
    title: 'An event stream resumed a thousand times',
    rows: [
      ['kills of the client, each followed by a resume with its last id', String(record.kills)],
      ['of those, before it had received an event', String(record.idle)],
      ['`kill -9` of Tocsin meanwhile, on the same ledger', '5'],
      ['events per second, on average (including the restarts)', record.perSecond.toFixed(0)],
      ['time', `${record.seconds.toFixed(1)} s`],
      ['events that the client received', String(record.events)],
      ['alerts answered with 200 whose event it did not receive', String(record.missing)],
      ['events that it received twice', String(record.twice)],
      ['events that did not follow their predecessor', String(record.outOfOrder)],
      ['gaps that were reported to it', String(record.gaps)],
    ] as [string, string][],
    notes: ['Each connection lasts 0 to 60 ms, and is destroyed whatever is in progress.'],
  };
}
