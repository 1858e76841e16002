import { runPayloads } from '../e2e/scenarios/payloads.ts';

/** Any payload posted to a webhook. */
export async function prove() {
  const seed = 20_261_122;
  const record = await runPayloads({
    payloads: 1_000_000,
    connections: 64,
    samples: 50_000,
    maxSeconds: 330,
    seed,
  });
  const { sent, statuses, memory, seconds, errors, exitCode } = record;
  const count = (wanted: (status: number) => boolean) =>
    Object.entries(statuses).reduce((sum, [status, times]) => sum + (wanted(Number(status)) ? times : 0), 0);
  return {
    title: 'A million payloads',
    rows: [
      ['payloads posted', String(sent)],
      [
        'answers',
        Object.entries(statuses)
          .map(([status, times]) => `${status}: ${times}`)
          .join(', '),
      ],
      [
        'responses with status 500 or above, except 503',
        String(count((status) => status >= 500 && status !== 503)),
      ],
      ['connections that broke without a response', String(statuses[0] ?? 0)],
      ['exit code when it was stopped afterwards', String(exitCode)],
      ['errors in the log', String(errors.length)],
      ...memory.map(([at, bytes]): [string, string] => [
        `resident memory after ${at}`,
        `${(bytes / 2 ** 20).toFixed(0)} MiB`,
      ]),
      ['time; payloads a second', `${seconds.toFixed(0)} s; ${(sent / seconds).toFixed(0)}`],
    ] as [string, string][],
    notes: [
      ...[...new Set(errors)].slice(0, 5),
      `64 connections. The first 50,000 are fast-check's (seed ${seed}): payloads of Alertmanager and Grafana in which any part may be replaced by something else. The others are one to three mutations of one of them: a byte changed, a piece inserted, removed or repeated, the end cut off, a digit changed.`,
    ],
  };
}
