import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { advance } from '../../src/alerts/episode-machine.ts';
import type { Alert } from '../../src/alerts/alert.ts';
import type { Transition } from '../../src/domain/event.ts';
import type { EpisodeState, EpisodeTransition } from '../../src/alerts/episode.ts';

const TOLERANCE = 60;
const BASE = 1_767_225_600_000_000_000n;
const at = (second: number): bigint => BASE + BigInt(Math.round(second * 1_000)) * 1_000_000n;
const RECEIVED_MS = Number(BASE / 1_000_000n) + 9_999_000;
const ALONE = { staleWindowMs: 0, staleHoldMs: 0, groupIntervalMs: 300_000, lastReceivedAt: 0 };
const seconds = (ns: bigint | undefined): number | undefined =>
  ns === undefined ? undefined : Number(ns - BASE) / 1e9;

/** A report about one alert, times in seconds. */
interface Word {
  readonly status: 'firing' | 'resolved';
  readonly start: number;
  readonly end?: number;
  readonly annotations?: Record<string, string>;
  readonly severity?: string;
  readonly by?: number;
}

function alertOf({ status, start, end, annotations = {}, severity = 'critical' }: Word): Alert {
  return {
    status,
    labels: { alertname: 'X', severity },
    annotations,
    startsAt: { ns: at(start), text: '' },
    ...(end === undefined ? {} : { endsAt: { ns: at(end), text: '' } }),
    generatorUrl: '',
    fingerprint: '0000000000000000',
  };
}

function deliver(state: EpisodeState | undefined, word: Word, lastReceivedAt = 0) {
  const context = {
    ...ALONE,
    receivedAt: RECEIVED_MS,
    lastReceivedAt,
    reporter: word.by ?? 1,
    toleranceNs: BigInt(TOLERANCE) * 1_000_000_000n,
  };
  return advance(state, alertOf(word), context);
}

interface Life {
  state: EpisodeState | undefined;
  readonly transitions: EpisodeTransition[];
}

function live(words: readonly Word[]): Life {
  const life: Life = { state: undefined, transitions: [] };
  for (const word of words) {
    const { state, transitions } = deliver(life.state, word);
    life.state = state;
    life.transitions.push(...transitions);
  }
  return life;
}

const names = (life: Life): Transition[] => life.transitions.map(({ transition }) => transition);
const fires = (start: number, more: Partial<Word> = {}): Word => ({ status: 'firing', start, ...more });
const ends = (start: number, end?: number): Word => ({
  status: 'resolved',
  start,
  ...(end === undefined ? {} : { end }),
});

describe('the episode machine', () => {
  it.each<[string, Word[], Transition[], { open: boolean; start?: number; end?: number; number?: number }]>([
    ['a first firing', [fires(0)], ['fired'], { open: true, start: 0 }],
    ['a repeat', [fires(0), fires(0)], ['fired'], { open: true }],
    ['a resolve', [fires(0), ends(0, 50)], ['fired', 'resolved'], { open: false, end: 50 }],
    [
      'a repeated resolve',
      [fires(0), ends(0, 50), ends(0, 50)],
      ['fired', 'resolved'],
      { open: false, end: 50 },
    ],
    [
      'a later end in a repeated resolve',
      [fires(0), ends(0, 50), ends(0, 70), ends(0, 60)],
      ['fired', 'resolved'],
      { open: false, end: 70 },
    ],
    ['a resolve without a firing', [ends(0, 50)], ['resolved_unseen'], { open: false, start: 0, end: 50 }],
    ['a resolve without an end', [fires(0), ends(0)], ['fired', 'resolved'], { open: false, end: 9_999 }],
    [
      'changed annotations',
      [fires(0), fires(0, { annotations: { v: '2' } })],
      ['fired', 'refreshed'],
      { open: true },
    ],
    [
      'a changed severity',
      [fires(0), fires(0, { severity: 'warning' })],
      ['fired', 'refreshed'],
      { open: true },
    ],
    ['a start that moves back', [fires(500), fires(100), fires(500)], ['fired'], { open: true, start: 100 }],
    ['a start within tolerance', [fires(0), fires(60)], ['fired'], { open: true, start: 0 }],
    [
      'a start later than the tolerance while open',
      [fires(0), fires(61)],
      ['fired', 'implicit_resolve', 'fired'],
      { open: true, start: 61, number: 2 },
    ],
    [
      'the next firing',
      [fires(0), ends(0, 100), fires(101)],
      ['fired', 'resolved', 'fired'],
      { open: true, start: 101, number: 2 },
    ],
    [
      'the same start after the resolve',
      [fires(0), ends(0, 100), fires(0)],
      ['fired', 'resolved', 'reopened'],
      { open: true, start: 0, number: 1 },
    ],
    [
      'a start within the closed episode',
      [fires(0), ends(0, 500), fires(400)],
      ['fired', 'resolved', 'reopened'],
      { open: true, start: 0, number: 1 },
    ],
    [
      'a start within tolerance, but after a short end',
      [fires(0), ends(0, 10), fires(30)],
      ['fired', 'resolved', 'fired'],
      { open: true, number: 2 },
    ],
    [
      'an unseen life after a closed one',
      [fires(0), ends(0, 100), ends(200, 300)],
      ['fired', 'resolved', 'resolved_unseen'],
      { open: false, start: 200, number: 2 },
    ],
    [
      'firing, resolved, late firing, resolved of two members',
      [fires(0), ends(0, 100), fires(0, { by: 2 }), { ...ends(0, 100), by: 2 }],
      ['fired', 'resolved', 'reopened', 'resolved'],
      { open: false, number: 1 },
    ],
    [
      'the late resolve of an earlier episode',
      [fires(0), ends(0, 100), fires(200), ends(0, 100)],
      ['fired', 'resolved', 'fired'],
      { open: true, number: 2 },
    ],
    [
      'the late resolve after an implicit one',
      [fires(0), fires(200), ends(0, 100)],
      ['fired', 'implicit_resolve', 'fired'],
      { open: true, number: 2 },
    ],
    [
      'the late resolve of an unseen episode',
      [fires(200), ends(0, 100)],
      ['fired'],
      { open: true, start: 200 },
    ],
    [
      'late reports of an unseen episode',
      [fires(200), fires(0, { by: 2 }), { ...ends(0, 100), by: 2 }],
      ['fired'],
      { open: true },
    ],
    [
      'the late firing of an earlier episode',
      [fires(0), ends(0, 100), fires(200), fires(0), fires(200)],
      ['fired', 'resolved', 'fired'],
      { open: true, start: 200 },
    ],
    [
      'a resolve whose start is later',
      [fires(0), ends(500, 600)],
      ['fired', 'resolved'],
      { open: false, start: 0, end: 600 },
    ],
  ])('handles %s', (_what, words, expected, { open, start, end, number }) => {
    const life = live(words);
    expect(names(life)).toEqual(expected);
    expect(life.state?.open).toBe(open);
    if (start !== undefined) expect(seconds(life.state?.startsAt)).toBe(start);
    if (end !== undefined) expect(seconds(life.state?.endsAt)).toBe(end);
    if (number !== undefined) expect(life.state?.number).toBe(number);
  });

  it('carries an acknowledgement over an implicit resolve that group_interval explains, and no other', () => {
    const acknowledgement = { by: 'ops', comment: '', at: 0, expiresAt: undefined };
    const acknowledged = { ...(live([fires(0)]).state as EpisodeState), acknowledged: true, acknowledgement };
    const receivedAt = (second: number) => Number(at(second) / 1_000_000n);
    const next = (lastReceived: number) => deliver(acknowledged, fires(500), receivedAt(lastReceived)).state;
    expect(next(200)).toMatchObject({ number: 2, acknowledged: true, acknowledgement });
    expect(next(199)).toMatchObject({ number: 2, acknowledged: false, acknowledgement: undefined });
    const closed = deliver(acknowledged, ends(0, 100)).state;
    expect(closed.acknowledged).toBe(true);
    expect(deliver(closed, fires(0)).state).toMatchObject({ number: 1, acknowledged: true, acknowledgement });
    expect(deliver(closed, fires(90)).state).toMatchObject({ number: 1, acknowledged: false });
    expect(deliver(closed, fires(500)).state).toMatchObject({ number: 2, acknowledged: false });
  });

  it('keeps nanoseconds', () => {
    const alert = { ...alertOf(fires(0)), startsAt: { ns: BASE + 123_456_789n, text: '' } };
    const { state } = advance(undefined, alert, {
      ...ALONE,
      receivedAt: RECEIVED_MS,
      reporter: 1,
      toleranceNs: 0n,
    });
    expect(state.startsAt).toBe(BASE + 123_456_789n);
  });
});

const WHILE_OPEN: readonly Transition[] = [
  'refreshed',
  'resolved',
  'implicit_resolve',
  'acknowledged',
  'unacknowledged',
  'ack_expired',
  'expired_unconfirmed',
];
/** Which transition may follow which within one episode. */
const NEXT: Readonly<Record<Transition | 'begin', readonly Transition[]>> = {
  begin: ['fired', 'resolved_unseen'],
  fired: WHILE_OPEN,
  refreshed: WHILE_OPEN,
  reopened: WHILE_OPEN,
  acknowledged: [...WHILE_OPEN, 'unacknowledged', 'ack_expired'],
  unacknowledged: WHILE_OPEN,
  ack_expired: WHILE_OPEN,
  resolved: ['reopened', 'stale_suspect'],
  resolved_unseen: ['reopened', 'stale_suspect'],
  stale_suspect: ['reopened', 'stale_suspect'],
  expired_unconfirmed: ['reopened'],
  implicit_resolve: [],
};

function expectLegal(transitions: readonly EpisodeTransition[]): void {
  const last = new Map<number, { transition: Transition | 'begin'; ordinal: number }>();
  let newest = 0;
  for (const { transition, episode } of transitions) {
    const before = last.get(episode.number) ?? { transition: 'begin', ordinal: 0 };
    expect(NEXT[before.transition]).toContain(transition);
    expect(episode.ordinal).toBe(before.ordinal + 1);
    expect(episode.number === newest || episode.number === newest + 1).toBe(true);
    expect(episode.endsAt === undefined).toBe(episode.open);
    expect(episode.endsAt === undefined || episode.endsAt >= episode.startsAt).toBe(true);
    newest = episode.number;
    last.set(episode.number, { transition, ordinal: episode.ordinal });
  }
}

const anyWord: fc.Arbitrary<Word> = fc.record({
  status: fc.constantFrom('firing' as const, 'resolved' as const),
  start: fc.integer({ min: 0, max: 1_000 }),
  end: fc.integer({ min: 0, max: 1_200 }),
  annotations: fc.constantFrom({}, { v: '1' }),
});

describe('for any sequence of reports', () => {
  it('the transitions of an episode are in a legal order, each once', () => {
    fc.assert(
      fc.property(fc.array(anyWord, { maxLength: 40 }), (words) => expectLegal(live(words).transitions)),
      { numRuns: 1_000 },
    );
  });

  it('a repeated report causes no transition', () => {
    fc.assert(
      fc.property(fc.array(anyWord, { minLength: 1, maxLength: 30 }), (words) => {
        const { state } = live(words);
        const again = deliver(state, words.at(-1) as Word);
        expect(again).toMatchObject({ state, transitions: [] });
      }),
      { numRuns: 1_000 },
    );
  });
});
