import { runPipeline } from '../e2e/scenarios/pipeline.ts';

/** The chain at the shipped intervals, and with the oldest supported programs. */
export async function prove() {
  const rows: [string, string][] = [];
  const runs = [
    [
      'Prometheus 3.5, Alertmanager 0.33, 15 s',
      { prometheus: 'prometheus', alertmanager: 'alertmanager', intervalSeconds: 15 },
    ],
    [
      'Prometheus 3.5, Alertmanager 0.33, 1 s',
      { prometheus: 'prometheus', alertmanager: 'alertmanager', intervalSeconds: 1 },
    ],
    [
      'Prometheus 2.42, Alertmanager 0.25, 1 s',
      { prometheus: 'prometheus-old', alertmanager: 'alertmanager-old', intervalSeconds: 1 },
    ],
  ] as const;
  for (const [name, options] of runs) {
    const { down, up, fired, clusterHealth, promtool, alarmingLines } = await runPipeline(options);
    const seconds = (value: number) => `${value.toFixed(1)} s`;
    rows.push(
      [`${name}: from the stop to unhealthy in /cluster_health`, seconds(down.unhealthy)],
      [`${name}: from the stop to probe_success 0 in Prometheus`, seconds(down.probeSuccessZero)],
      [`${name}: from the stop to the rule firing`, seconds(down.ruleFiring)],
      [`${name}: from the stop to tocsin.alert.fired`, seconds(down.event)],
      [`${name}: from the restart to healthy`, seconds(up.healthy)],
      [`${name}: from the restart to tocsin.alert.resolved`, seconds(up.resolvedEvent)],
      [`${name}: labels of the event`, JSON.stringify(fired.data.labels)],
      [`${name}: /cluster_health reported`, clusterHealth.alerts.join(' ')],
      [`${name}: complaints of promtool check metrics`, String(promtool.complaints.length)],
      [`${name}: log lines above level info`, String(alarmingLines.length)],
    );
  }
  return {
    title: 'From a stopped server to a durable event',
    rows,
    notes: [
      'The interval is that of the check, of the scrape and of the rules. A failure is confirmed by a second run 0.5 s later.',
      'ServiceDown waits 15 s (`for`); Alertmanager 1 s (`group_wait`), then 15 s between deliveries (`group_interval`). Rule and routes are the shipped files.',
      'After the server is back the rule fires for another 45 s: a failed scrape must not resolve an alert.',
    ],
  };
}
