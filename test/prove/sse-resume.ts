import { runResume } from '../e2e/scenarios/sse-resume.ts';

/** A client that loses its connection a thousand times, and misses nothing. */
export async function prove() {
  const record = await runResume({ kills: 1_000, perSecond: 1_000, restarts: 5 });
  return {
    title: 'An event stream resumed a thousand times',
    rows: [
      ['kills of the client, each followed by a resume with its last id', String(record.kills)],
      ['of those before it had seen an event', String(record.idle)],
      ['`kill -9` of Tocsin meanwhile, on the same ledger', '5'],
      ['events per second, on average (the restarts included)', record.perSecond.toFixed(0)],
      ['time', `${record.seconds.toFixed(1)} s`],
      ['events that the client saw', String(record.events)],
      ['alerts answered with 200 whose event it did not see', String(record.missing)],
      ['events that it saw twice', String(record.twice)],
      ['events that did not follow the one before', String(record.outOfOrder)],
      ['gaps that it was told of', String(record.gaps)],
    ] as [string, string][],
    notes: ['Each connection lives for 0 to 60 ms, and is destroyed in the middle of whatever is under way.'],
  };
}
