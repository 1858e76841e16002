import { runSchedule } from '../e2e/scenarios/probing.ts';

/** Ten thousand checks every half minute, for three minutes. */
export async function prove() {
  const record = await runSchedule({ checks: 10_000, intervalSeconds: 30, seconds: 180 });
  const { lateness } = record;
  const ms = (seconds: number) => `at most ${seconds * 1_000} ms`;
  const mb = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;
  return {
    title: '10,000 checks every 30 s for three minutes',
    rows: [
      ['runs', String(record.runs)],
      ['runs that did not succeed, runs skipped', `${record.notSuccessful}, ${record.shed}`],
      ['runs of the check with the fewest, with the most', `${record.fewest}, ${record.most}`],
      ['lateness of the start: p50', ms(lateness.p50)],
      ['lateness of the start: p99', ms(lateness.p99)],
      ['lateness of the start: maximum', ms(lateness.max)],
      ['CPU per run, everything that the process does', `${(record.cpuSecondsPerRun * 1_000).toFixed(3)} ms`],
      ['resident memory, threads included', mb(record.residentBytes)],
      ['resident memory of its child processes', record.childrenBytes.map(mb).join(', ') || 'none'],
    ] as [string, string][],
    notes: [
      'Nine tenths http (a new connection each), one tenth tcp, all to servers in a separate process on the same machine.',
      'Lateness is read from the buckets of tocsin_schedule_lateness_seconds: the figures are upper bounds. The first runs are included.',
      'How many runs a check has had depends on its phase and on the second at which the process started: five to seven, including the first.',
    ],
  };
}
