import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { reconcile } from '../../src/alerts/reconcile.ts';
import type {
  EpisodeToReconcile,
  ListedAlert,
  ReconciliationContext,
  ReconciliationMemory,
} from '../../src/alerts/reconciliation-types.ts';

const MINUTE = 60_000;
const ASKED = 100 * MINUTE;
const ns = (ms: number) => BigInt(ms) * 1_000_000n;

function known(more: Partial<EpisodeToReconcile> = {}): EpisodeToReconcile {
  return {
    id: 1,
    fingerprint: 'a',
    open: true,
    lastReceivedAt: ASKED - 30 * MINUTE,
    suppressed: undefined,
    ...more,
  };
}

function listed(more: Partial<ListedAlert> = {}): ListedAlert {
  return {
    fingerprint: 'a',
    alertname: 'Down',
    suppressed: undefined,
    receivers: ['tocsin'],
    startsAt: ns(ASKED - 30 * MINUTE),
    ...more,
  };
}

const MEMORY: ReconciliationMemory = {
  since: ASKED - 60 * MINUTE,
  absentSince: new Map(),
  deliverableSince: new Map(),
};

function context(more: Partial<ReconciliationContext> = {}): ReconciliationContext {
  return {
    ...{
      requestedAt: ASKED,
      complete: true,
      warmingUp: false,
      startedAt: 0,
      settleMs: 10 * MINUTE,
      memory: MEMORY,
    },
    ...more,
  };
}

function absent(since: ReconciliationMemory['absentSince']): ReconciliationMemory {
  return { ...MEMORY, absentSince: since };
}

const nothing = { expire: [], confirm: [], refute: [], suppress: [] };

describe('reconcile', () => {
  it('changes nothing about alerts that are open on both sides', () => {
    const plan = reconcile([known()], [[listed()], [listed()]], context());
    expect(plan).toMatchObject({ ...nothing, drift: { orphaned: 0, missing: 0 } });
  });

  it('expires an open episode that no list has for longer than a report of its end can take', () => {
    const first = reconcile([known()], [[]], context());
    expect(first).toMatchObject({ ...nothing, drift: { orphaned: 1 } });
    const { memory } = first;
    const early = reconcile([known()], [[]], context({ requestedAt: ASKED + 9 * MINUTE, memory }));
    expect(early.expire).toEqual([]);
    const late = reconcile([known()], [[]], context({ requestedAt: ASKED + 10 * MINUTE, memory }));
    expect(late.expire).toEqual([known()]);
  });

  it.each([
    ['was reported since', { lastReceivedAt: ASKED + 5 * MINUTE }, {}, []],
    ['is in one list', {}, {}, [listed()]],
    ['may be with one that does not answer', {}, { complete: false }, []],
  ])('does not expire an episode that %s', (_what, of, more, list) => {
    const absentSince = new Map([[1, ASKED]]);
    const plan = reconcile(
      [known(of)],
      [list, []],
      context({ requestedAt: ASKED + 20 * MINUTE, memory: absent(absentSince), ...more }),
    );
    expect(plan.expire).toEqual([]);
  });

  it('forgets nothing while one Alertmanager does not answer', () => {
    const absentSince = new Map([[1, ASKED]]);
    const plan = reconcile([known()], [[]], context({ complete: false, memory: absent(absentSince) }));
    expect([...plan.memory.absentSince]).toEqual([[1, ASKED]]);
  });

  it('confirms or refutes a held firing by the lists', () => {
    const held = known({ open: false });
    expect(reconcile([held], [[], [listed()]], context())).toMatchObject({ confirm: [1], refute: [] });
    expect(reconcile([held], [[], []], context())).toMatchObject({ confirm: [], refute: [1] });
    expect(reconcile([held], [[]], context({ complete: false }))).toMatchObject({ confirm: [], refute: [] });
    const newer = known({ open: false, lastReceivedAt: ASKED + 1 });
    expect(reconcile([newer], [[]], context())).toMatchObject(nothing);
  });

  it('marks what is silenced or inhibited, unless one Alertmanager still notifies', () => {
    const silenced = listed({ suppressed: 'silenced' });
    expect(reconcile([known()], [[silenced]], context()).suppress).toEqual([{ id: 1, reason: 'silenced' }]);
    expect(reconcile([known()], [[silenced], [listed()]], context()).suppress).toEqual([]);
    expect(reconcile([known()], [[listed()], [silenced]], context()).suppress).toEqual([]);
    const marked = known({ suppressed: 'silenced' });
    expect(reconcile([marked], [[listed()]], context()).suppress).toEqual([{ id: 1, reason: undefined }]);
    expect(reconcile([marked], [[]], context()).suppress).toEqual([]);
  });

  it('concludes no absence while one Alertmanager may not have received all alerts yet', () => {
    const young = context({ warmingUp: true, memory: absent(new Map([[1, ASKED - 20 * MINUTE]])) });
    const plan = reconcile([known(), known({ id: 2, open: false })], [[]], young);
    expect(plan).toMatchObject({ ...nothing, drift: { orphaned: 0 } });
    // and an absence found before no longer counts
    expect([...plan.memory.absentSince]).toEqual([]);
  });

  it('returns listed alerts without an open episode, so that an expired one can reopen', () => {
    const other = listed({ fingerprint: 'b' });
    const plan = reconcile(
      [known(), known({ id: 2, fingerprint: 'c', open: false })],
      [[listed(), other]],
      context(),
    );
    expect(plan).toMatchObject({ unknown: [other], present: [1] });
  });

  describe('counts alerts that should have been delivered, and were not:', () => {
    const other = (more: Partial<ListedAlert> = {}) => listed({ fingerprint: 'b', ...more });
    const missing = (alert: ListedAlert, more: Partial<ReconciliationContext> = {}, episodes = [known()]) =>
      reconcile(episodes, [[listed(), alert]], context(more)).missing.filter(
        ({ fingerprint }) => fingerprint === 'b',
      );

    it.each([
      ['an alert for our receivers', other(), {}, 1],
      ['one that started just now', other({ startsAt: ns(ASKED - MINUTE) }), {}, 0],
      ['one that is inhibited', other({ suppressed: 'inhibited' }), {}, 0],
      ['one that a time interval mutes', other({ suppressed: 'muted', receivers: [] }), {}, 0],
      ['one for others only', other({ receivers: [] }), {}, 0],
      ['one of an Alertmanager that started just now', other(), { startedAt: ASKED - MINUTE }, 0],
      ['one of an Alertmanager with an unknown start time', other(), { startedAt: Infinity }, 0],
      [
        'one that may still be delivered since Tocsin restarted',
        other(),
        { memory: { ...MEMORY, since: ASKED } },
        0,
      ],
    ])('%s', (_what, alert, more, expected) => {
      expect(missing(alert, more)).toHaveLength(expected);
    });

    it('even when nothing is open', () => {
      const plan = reconcile([], [[listed(), other(), other({ fingerprint: 'c' })]], context());
      expect(plan.drift).toEqual({ orphaned: 0, missing: 3 });
    });

    it('after a silence only when there was time for a delivery', () => {
      const { memory } = reconcile([], [[other({ suppressed: 'silenced' })]], context());
      const later = (minutes: number) =>
        missing(other(), { requestedAt: ASKED + minutes * MINUTE, memory }, []);
      expect([later(9).length, later(11).length]).toEqual([0, 1]);
    });

    it('from when it is first listed, for a sender whose clock is ahead', () => {
      const ahead = other({ startsAt: ns(ASKED + 600 * MINUTE) });
      const { memory } = reconcile([], [[ahead]], context());
      const later = (minutes: number) =>
        missing(ahead, { requestedAt: ASKED + minutes * MINUTE, memory }, []);
      expect([later(9).length, later(11).length]).toEqual([0, 1]);
    });
  });

  it('never expires or refutes an alert that a list has, whatever else it contains', () => {
    const anyKnown = fc.record({
      id: fc.nat(5),
      fingerprint: fc.constantFrom('a', 'b', 'c'),
      open: fc.boolean(),
      lastReceivedAt: fc.nat(200 * MINUTE),
      suppressed: fc.constantFrom(undefined, 'silenced' as const),
    });
    const anyListed = fc.record({
      fingerprint: fc.constantFrom('a', 'b'),
      alertname: fc.constant('Down'),
      suppressed: fc.constantFrom(undefined, 'inhibited' as const, 'muted' as const),
      receivers: fc.constant(['tocsin']),
      startsAt: fc.nat(200 * MINUTE).map(ns),
    });
    const lists = fc.array(fc.array(anyListed, { maxLength: 3 }), { maxLength: 3 });
    const certainty = fc.tuple(fc.boolean(), fc.boolean());
    fc.assert(
      fc.property(
        fc.array(anyKnown, { maxLength: 5 }),
        lists,
        certainty,
        (episodes, given, [complete, warmingUp]) => {
          const memory = absent(new Map(episodes.map(({ id }) => [id, 0])));
          const plan = reconcile(episodes, given, context({ complete, warmingUp, memory }));
          const there = new Set<string>(given.flat().map(({ fingerprint }) => fingerprint));
          const gone = episodes.filter(
            ({ id, open }) =>
              (open && plan.expire.some((one) => one.id === id)) || (!open && plan.refute.includes(id)),
          );
          if (!complete || warmingUp) expect([plan.expire, plan.refute]).toEqual([[], []]);
          for (const { id } of gone)
            expect(episodes.some((one) => one.id === id && !there.has(one.fingerprint))).toBe(true);
        },
      ),
    );
  });
});
