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
      ['lives that they had', String(record.lives)],
      ['episodes in the ledger', String(record.episodes)],
      [
        'alerts whose episodes are not their lives, each with its own start, opened once and closed once',
        String(record.wrong.length),
      ],
      ['transitions in the ledger more than once', String(record.repeatedTransitions.length)],
      ['transitions', `${sum}: ${transitions.join(', ')}`],
      ['deliveries', String(record.deliveries)],
      [
        'alerts in them that reported something new, and that repeated what was known',
        `${record.accepted}, ${record.duplicates}`,
      ],
      ['time', `${record.seconds.toFixed(0)} s`],
    ] as [string, string][],
    notes: [
      ...record.wrong.slice(0, 10),
      'group_wait 1 s, group_interval 5 s, repeat_interval 10 s, peer_timeout 2 s, same_start_tolerance 1 s. A sender that knows when each alert began and ended posts every alert to both each second, as Prometheus does.',
      'In this order: all fire and repeat; some flap within group_interval; some are silenced and end while silenced; Tocsin is killed (`kill -9`) and is down for two minutes, during which some end, some flap and some begin; the first peer is killed and restarted; both peers reload with another route, Tocsin reloads, and some flap meanwhile; all end.',
      'Alertmanager never reports the end of a silenced alert: it becomes `expired_unconfirmed` after both peers were asked.',
    ],
  };
}
