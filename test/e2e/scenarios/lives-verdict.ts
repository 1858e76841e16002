import { setTimeout as pause } from 'node:timers/promises';
import type { Life } from '../../support/alerts/alert-source.ts';
import { json } from '../../support/alerts/chain.ts';

interface AlertEvent {
  readonly type: string;
  readonly data: {
    readonly episode: string;
    readonly starts_at: string;
    readonly labels: Readonly<Record<string, string>>;
  };
}

/** An episode as shown by its events. */
export interface ReportedLife {
  readonly startsAt: number;
  readonly transitions: readonly string[];
}

type Lives<T> = ReadonlyMap<string, readonly T[]>;

/** This many comparisons in a row, a quarter of a second and their own time apart: longer than any delivery takes. */
const LONG = 40;

/** The episodes of each instance, in order. */
export async function reportedLives(url: string): Promise<Lives<ReportedLife>> {
  const { events } = await json<{ events: AlertEvent[] }>(
    `${url}/api/v1/events?type=tocsin.alert.*&limit=10000`,
  );
  const lives = new Map<string, Map<string, { startsAt: number; transitions: string[] }>>();
  for (const { type, data } of events) {
    const instance = data.labels['instance'] ?? '';
    const ofInstance = lives.get(instance) ?? new Map<string, { startsAt: number; transitions: string[] }>();
    lives.set(instance, ofInstance);
    const life = ofInstance.get(data.episode) ?? { startsAt: Date.parse(data.starts_at), transitions: [] };
    ofInstance.set(data.episode, life);
    const transition = type.slice('tocsin.alert.'.length);
    // a firing that was held and refuted changed no life; a confirmed one is followed by `reopened`
    if (!['refreshed', 'stale_suspect'].includes(transition)) life.transitions.push(transition);
  }
  return new Map([...lives].map(([instance, ofInstance]) => [instance, [...ofInstance.values()]]));
}

/** Whether the newest episode of each instance is open. */
export async function statesOf(url: string): Promise<ReadonlyMap<string, string>> {
  const { alerts } = await json<{
    alerts: readonly { state: string; labels: Readonly<Record<string, string>> }[];
  }>(`${url}/api/v1/alerts?state=all&limit=10000`);
  const states = new Map<string, string>();
  for (const { state, labels } of alerts) {
    const instance = labels['instance'] ?? '';
    if (states.get(instance) !== 'open') states.set(instance, state);
  }
  return states;
}

/**
 * Where the episodes differ from the lives: each must be opened once and ended by the report of its end, with its own
 * start (where that is known: Prometheus decides on the starts of its alerts).
 */
export function differences(truth: Lives<Life>, reported: Lives<ReportedLife>): readonly string[] {
  return [...truth].flatMap(([instance, lives]) => {
    const episodes = reported.get(instance) ?? [];
    const same =
      episodes.length === lives.length &&
      episodes.every(({ startsAt, transitions: [first, last, more] }, i) => {
        const given = lives[i]?.startsAt ?? Number.NaN;
        const isLast = i === lives.length - 1;
        const ended = last === 'resolved' || last === 'implicit_resolve' || (isLast && last === undefined);
        return (
          first === 'fired' && ended && more === undefined && (Number.isNaN(given) || given === startsAt)
        );
      });
    if (same) return [];
    const told = episodes.map(
      (one) => `${new Date(one.startsAt).toISOString()} ${one.transitions.join(', ')}`,
    );
    const really = lives.map(({ startsAt }) =>
      Number.isNaN(startsAt) ? 'a life' : new Date(startsAt).toISOString(),
    );
    return [`${instance}: reported ${told.join('; ')}; there were ${really.join('; ')}`];
  });
}

/** Compares what Alertmanager has with what is open, until it is stopped; returns where they differed for long. */
export function disagreements(
  url: string,
  alertmanagers: readonly string[],
): { stop(): Promise<readonly string[]> } {
  const stopped = new AbortController();
  const differed = new Map<string, number>();
  const found = new Set<string>();
  const compare = async () => {
    const firing = new Set<string>();
    for (const each of alertmanagers) {
      const list = await json<{ labels: Record<string, string> }[]>(`${each}/api/v2/alerts`);
      for (const { labels } of list) firing.add(labels['instance'] ?? '');
    }
    const states = await statesOf(url);
    for (const instance of new Set([...firing, ...states.keys()])) {
      const fires = firing.has(instance);
      const times = fires === (states.get(instance) === 'open') ? 0 : (differed.get(instance) ?? 0) + 1;
      differed.set(instance, times);
      if (times > LONG)
        found.add(
          `${instance}: Alertmanager has it ${fires ? 'firing' : 'resolved'} and the ledger has not, ${LONG} times in a row`,
        );
    }
  };
  const run = async () => {
    while (!stopped.signal.aborted) {
      await compare();
      await pause(250);
    }
  };
  const running = run();
  return {
    stop: async () => {
      stopped.abort();
      await running;
      return [...found];
    },
  };
}
