import { runDeliveries } from '../e2e/scenarios/deliveries.ts';

/** As many requests as in the incident, all of which were answered with 500 then. */
export async function prove() {
  const record = await runDeliveries({ requests: 2_952, killAfter: 1_476, concurrency: 16 });
  const { statuses, lost, twice, repeatedTransitions } = record;
  const answers = Object.entries(statuses).map(
    ([status, count]) => `${status === '0' ? 'connection broken' : status}: ${count}`,
  );
  return {
    title: '2,952 webhook requests and a kill -9',
    rows: [
      ['requests', '2952'],
      ['responses (requests without one, or with 503, were sent again)', answers.join(', ')],
      ['answers with 500', String(statuses[500] ?? 0)],
      ['different alerts answered with 200', String(record.alertsAnswered)],
      ['of those, not in the ledger', String(lost.length)],
      ['episodes in the ledger more than once', String(twice.length)],
      ['transitions in the ledger more than once', String(repeatedTransitions.length)],
      ['episodes, events', `${record.episodes}, ${record.events}`],
      ['event offsets without a gap', record.offsetsGapless ? 'yes' : 'no'],
      ['largest body', `${(record.largestBody / 1e6).toFixed(1)} MB`],
      ['time, including the restart', `${record.seconds.toFixed(1)} s`],
    ] as [string, string][],
    notes: [
      'In turn: plain, firing then resolved, UTF-8 label names, empty and null maps, no alertname, a zero endsAt, unknown fields, 5 MB bodies, identical repeats, groups of 20, invalid JSON, another payload.',
      '`kill -9` after 1,476 requests with 16 in progress; the process is restarted on the same ledger.',
    ],
  };
}
