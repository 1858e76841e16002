import { loadavg } from 'node:os';
import { runHostileReads } from '../e2e/scenarios/hostile-reads.ts';

/**
 * Two hundred readers of every path that read nothing, pipeline or abort. SECONDS sets the duration; default five
 * minutes.
 */
export async function prove() {
  const seconds = Number(process.env['SECONDS'] ?? '300');
  const clients = { readers: 200, addresses: 40, patienceSeconds: 10 };
  const run = { services: 1_000, alerts: 12_000, ...clients, seconds, heapMb: 256 };
  const record = await runHostileReads(run);
  const ms = (value: number) => `${value.toFixed(1)} ms`;
  const mb = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;
  const { healthy, webhook, counts, residentBytes } = record;
  const answers = Object.entries(counts.answers).map(([status, count]) => `${status}: ${count}`);
  return {
    title: 'Two hundred hostile readers of every path',
    rows: [
      ['/-/healthy: median, p99, maximum', [healthy.median, healthy.p99, healthy.most].map(ms).join(', ')],
      ['deliveries meanwhile, p99', `${webhook.count}, ${ms(webhook.p99)}`],
      ['requests of both kinds that were not answered with 200', String(record.failed.length)],
      ['resident memory before, maximum', `${mb(residentBytes.before)}, ${mb(residentBytes.peak)}`],
      ['requests of the readers, connections that ended', `${counts.asked}, ${counts.ended}`],
      ['first responses to those that read', answers.join(', ') || 'none'],
      ['alerts answered with 200, listed afterwards', `${record.delivered}, ${record.listed}`],
      ['/health afterwards', `${record.after.status}, ${record.after.alertsCount} alerts`],
      ['log lines at level error', String(record.errors.length)],
    ] as [string, string][],
    notes: [
      `1,000 services at 30 s, 12,000 open alerts, ${seconds} s, a heap of 256 MB (--max-old-space-size=256).`,
      'A quarter of the readers each: read nothing; send 100 requests at once and read; disconnect after the first bytes; send 100 at once and read nothing. They come from 40 addresses and reconnect.',
      `The readers run on the same cores. Load of the machine at the end (1 minute): ${(loadavg()[0] ?? NaN).toFixed(1)}.`,
      ...record.failed.slice(0, 5),
    ],
  };
}
