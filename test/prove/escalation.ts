import { runEscalation } from '../e2e/scenarios/escalation.ts';

/** The shipped rules and routes at the shipped intervals; only the levels are shorter than the default ones. */
export async function prove() {
  const levels = [30, 60] as const;
  const { reached, acknowledged, suppressed, watched, deliveries } = await runEscalation({
    levels,
    intervalSeconds: 15,
  });
  const seconds = (value: number | undefined) => (value === undefined ? 'never' : `${value.toFixed(1)} s`);
  const rows: [string, string][] = [
    ['levels (`escalation.critical`)', `${levels[0]} s, ${levels[1]} s`],
    ...Object.entries(reached).flatMap(([name, times]): [string, string][] => [
      [`instance ${name}: from the first receipt to the receiver of level 2`, seconds(times[2])],
      [`instance ${name}: from the first receipt to the receiver of level 3`, seconds(times[3])],
    ]),
    ['the one that was acknowledged is shown as acknowledged', String(acknowledged)],
    ['the one that was silenced is shown as', String(suppressed)],
    ['deliveries to the receivers of the levels', String(deliveries)],
    ['observed after the last one', seconds(watched)],
  ];
  return {
    title: 'Unacknowledged alerts',
    rows,
    notes: [
      'Four critical alerts of one service, which differ in the label `instance`: two that are not acknowledged, one that is acknowledged, one that is silenced in Alertmanager before the first level.',
      `Two unacknowledged ones of services with their own levels: \`own\` has \`escalation: { critical: [${levels[1]}s] }\`, so it goes to level 2 when the others go to level 3, and no further; \`never\` has \`critical: []\`.`,
      'Real Prometheus and Alertmanager, the shipped rules and routes. Each level takes up to 15 s until the next scrape, up to 15 s until the next evaluation, and 15 s of `for`, in addition to its own time.',
    ],
  };
}
