import { runCluster } from '../e2e/scenarios/cluster.ts';

/** Two real Alertmanagers, and every way in which their reports are repeated, late or lost. */
export async function prove() {
  const record = await runCluster({ downSeconds: 120, perKind: 20 });
  const transitions = Object.entries(record.transitions).map(([name, count]) => `${name}: ${count}`);
  const sum = Object.values(record.transitions).reduce((all, count) => all + count, 0);
  return {
    title: 'Two Alertmanagers in a cluster',
    rows: [
      ['alerts', String(record.alerts)],
      ['lives that they really had', String(record.lives)],
      ['episodes in the ledger', String(record.episodes)],
      [
        'alerts whose episodes are not their lives, each with its own start, opened once and closed once',
        String(record.wrong.length),
      ],
      ['transitions in the ledger more than once', String(record.repeatedTransitions.length)],
      ['transitions', `${sum}: ${transitions.join(', ')}`],
      ['deliveries', String(record.deliveries)],
      [
        'alerts in them: telling something new, telling nothing new',
        `${record.accepted}, ${record.duplicates}`,
      ],
      ['time', `${record.seconds.toFixed(0)} s`],
    ] as [string, string][],
    notes: [
      ...record.wrong.slice(0, 10),
      'group_wait 1 s, group_interval 5 s, repeat_interval 10 s, peer_timeout 2 s, same_start_tolerance 1 s. Both are told of every alert each second, as Prometheus does, by a sender that knows when each began and ended.',
      'In this order: all fire and repeat; some flap within group_interval; some are silenced and end so; Tocsin is killed (`kill -9`) and is gone for two minutes, in which some end, some flap and some begin; the first peer is killed and started again; both peers get another route and reload, Tocsin reloads, and some flap meanwhile; all end.',
      'What ended in silence is never told by Alertmanager: `expired_unconfirmed`, after both were asked.',
    ],
  };
}
