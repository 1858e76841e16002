import { runFootprint } from '../e2e/scenarios/probing.ts';

/** The footprint of a thousand checks and the host. */
export async function prove() {
  const record = await runFootprint({ checks: 1_000, intervalSeconds: 30, seconds: 120 });
  const mb = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB (${(bytes / 2 ** 20).toFixed(0)} MiB)`;
  return {
    title: '1,000 checks and the host',
    rows: [
      ['from the start of the process to /-/ready', `${record.readySeconds.toFixed(2)} s`],
      ['resident memory at the end, threads included', mb(record.residentBytes)],
      ['resident memory, maximum', mb(record.peakBytes)],
      ['resident memory of its child processes', record.childrenBytes.map(mb).join(', ') || 'none'],
      ['of that, not shared with the main process', record.childrenOwnBytes.map(mb).join(', ') || 'none'],
      ['size of the page', `${(record.pageBytes / 1e6).toFixed(1)} MB`],
    ] as [string, string][],
    notes: [
      'Two minutes, each check every 30 s, the whole page scraped uncompressed every five seconds.',
      'Reads that may hang (file systems) run in a child process, so that a hung mount affects nothing else.',
    ],
  };
}
