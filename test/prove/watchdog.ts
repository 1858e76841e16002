import { runWatchdog } from '../e2e/scenarios/watchdog.ts';

/** Everything as shipped: rules every 15 s, the Watchdog delivered every minute, expected every three. */
export async function prove() {
  const expectEverySeconds = 180;
  const record = await runWatchdog({ expectEverySeconds, intervalSeconds: 15, hurried: false });
  const seconds = (value: number) => `${value.toFixed(1)} s`;
  return {
    title: 'A Prometheus that dies',
    rows: [
      ['expect_every', seconds(expectEverySeconds)],
      ['pings before the stop', String(record.pingsBefore)],
      ['from the stop of Prometheus to tocsin.watchdog.lost', seconds(record.lost)],
      ['within two expect_every', record.lost <= 2 * expectEverySeconds ? 'yes' : 'no'],
      ['from the stop of Prometheus to /health degraded', seconds(record.degraded)],
      ['last ping after the loss', record.lastPing === 0 ? 'none' : seconds(record.lastPing)],
      ['observed without a ping', seconds(record.silentFor)],
      ['from its restart to /health healthy', seconds(record.restored)],
      ['from its restart to the next ping', seconds(record.pingedAgain)],
      ['data of the event', JSON.stringify(record.event.data)],
    ] as [string, string][],
    notes: [
      'Real Prometheus and Alertmanager with the shipped rules and routes, and their defaults.',
      "An alert that Prometheus no longer renews continues to fire in Alertmanager for up to four minutes (four times Prometheus's resend delay of 1 m). Its resolve counts as the loss (`cause: ended`); where Alertmanager or the network fails instead, `expect_every` without a delivery does (`cause: silent`).",
    ],
  };
}
