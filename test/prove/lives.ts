import { runLives } from '../e2e/scenarios/lives.ts';

/** What real Prometheus servers and Alertmanagers report of known lives, and what the ledger records. */
export async function prove() {
  const size = { alerts: 20, flaps: 4, restarts: 4, lives: 12 };
  const records = await runLives(size);
  const wrong = records.flatMap((record) => record.wrong);
  return {
    title: 'Lives of alerts, reported and real',
    rows: [
      ...records.map(({ name, lives, reported, wrong: some }) => [
        name,
        `${lives} lives, ${reported} episodes, ${some.length} wrong`,
      ]),
      ['wrong in all', String(wrong.length)],
    ] as [string, string][],
    notes: [
      ...wrong.slice(0, 10),
      `${size.alerts} alerts in each scenario; Prometheus and Alertmanager are real. group_interval 1 s, repeat_interval 4 h, peer_timeout 1 s, same_start_tolerance 60 s.`,
      `The pair: one Prometheus has the alerts firing all the time and resends them every 45 s; for the other they fire for 5 s and stop for 6 s, twice between two resends (${size.flaps} times, with same_start_tolerance 3 s), so that Alertmanager moves to a later start and back to the first. Wrong means that the ledger disagrees with Alertmanager on whether an alert fires in 40 comparisons in a row (10 s), or that an episode is closed at the end, when only the first Prometheus still sends something. The next row is what such a pair posts when its lives are minutes apart; the scenario posts these sequences to Alertmanager.`,
      'Restarts: a rule group of 12 s, an Alertmanager with `warm_up: 25s` that is asked each second; it restarts while the alerts fire, and every second time also while they end.',
      "Clocks: Tocsin's clock is an hour behind, which makes the sender's an hour ahead; lives begin and end in that future, and then the sender's clock is set back by an hour.",
      `Short lives: ${size.lives} of six seconds for each alert, reported completely. Peers: one of two reports a complete life and is killed, the other reports the next.`,
    ],
  };
}
