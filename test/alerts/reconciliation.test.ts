import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseListing } from '../../src/alerts/listing.ts';
import { reconcile } from '../../src/alerts/reconciliation.ts';
import type { KnownEpisode, ListedAlert, ReconciliationContext } from '../../src/domain/reconciliation.ts';

const MINUTE = 60_000;
const ASKED = 100 * MINUTE;

function known(more: Partial<KnownEpisode> = {}): KnownEpisode {
  return {
    id: 1,
    fingerprint: 'a',
    open: true,
    lastReceivedAt: ASKED - 30 * MINUTE,
    receiver: 'tocsin',
    suppressed: undefined,
    ...more,
  };
}

function listed(more: Partial<ListedAlert> = {}): ListedAlert {
  return {
    fingerprint: 'a',
    suppressed: undefined,
    receivers: ['tocsin'],
    startsAt: ASKED - 30 * MINUTE,
    ...more,
  };
}

function context(more: Partial<ReconciliationContext> = {}): ReconciliationContext {
  return { askedAt: ASKED, complete: true, settleMs: 10 * MINUTE, absentSince: new Map(), ...more };
}

const nothing = { expire: [], confirm: [], refute: [], suppress: [] };

describe('reconcile', () => {
  it('changes nothing about what is open here and there', () => {
    const plan = reconcile([known()], [[listed()], [listed()]], context());
    expect(plan).toMatchObject({ ...nothing, drift: { orphaned: 0, missing: 0 } });
  });

  it('gives an open episode up that nobody has for longer than word of its end can be on its way', () => {
    const first = reconcile([known()], [[]], context());
    expect(first).toMatchObject({ ...nothing, drift: { orphaned: 1 } });
    const { absentSince } = first;
    const early = reconcile([known()], [[]], context({ askedAt: ASKED + 9 * MINUTE, absentSince }));
    expect(early.expire).toEqual([]);
    const late = reconcile([known()], [[]], context({ askedAt: ASKED + 10 * MINUTE, absentSince }));
    expect(late.expire).toEqual([known()]);
  });

  it.each([
    ['was heard of since', { lastReceivedAt: ASKED + 5 * MINUTE }, {}, []],
    ['is in one list', {}, {}, [listed()]],
    ['may be with one that does not answer', {}, { complete: false }, []],
  ])('gives none up that %s', (_what, of, more, list) => {
    const absentSince = new Map([[1, ASKED]]);
    const plan = reconcile(
      [known(of)],
      [list, []],
      context({ askedAt: ASKED + 20 * MINUTE, absentSince, ...more }),
    );
    expect(plan.expire).toEqual([]);
  });

  it('forgets nothing while one does not answer', () => {
    const absentSince = new Map([[1, ASKED]]);
    const plan = reconcile([known()], [[]], context({ complete: false, absentSince }));
    expect([...plan.absentSince]).toEqual([[1, ASKED]]);
  });

  it('says of a held firing what the lists say', () => {
    const held = known({ open: false });
    expect(reconcile([held], [[], [listed()]], context())).toMatchObject({ confirm: [1], refute: [] });
    expect(reconcile([held], [[], []], context())).toMatchObject({ confirm: [], refute: [1] });
    expect(reconcile([held], [[]], context({ complete: false }))).toMatchObject({ confirm: [], refute: [] });
    const newer = known({ open: false, lastReceivedAt: ASKED + 1 });
    expect(reconcile([newer], [[]], context())).toMatchObject(nothing);
  });

  it('marks what is silenced or inhibited, unless one of them still notifies', () => {
    const silenced = listed({ suppressed: 'silenced' });
    expect(reconcile([known()], [[silenced]], context()).suppress).toEqual([{ id: 1, reason: 'silenced' }]);
    expect(reconcile([known()], [[silenced], [listed()]], context()).suppress).toEqual([]);
    expect(reconcile([known()], [[listed()], [silenced]], context()).suppress).toEqual([]);
    const marked = known({ suppressed: 'silenced' });
    expect(reconcile([marked], [[listed()]], context()).suppress).toEqual([{ id: 1, reason: undefined }]);
    expect(reconcile([marked], [[]], context()).suppress).toEqual([]);
  });

  it('counts what ought to have been delivered, and was not', () => {
    const other = (more: Partial<ListedAlert>) => listed({ fingerprint: 'b', ...more });
    const missing = (alert: ListedAlert) =>
      reconcile([known()], [[listed(), alert]], context()).drift.missing;
    expect(missing(other({}))).toBe(1);
    expect(missing(other({ startsAt: ASKED - MINUTE }))).toBe(0);
    expect(missing(other({ suppressed: 'inhibited' }))).toBe(0);
    expect(missing(other({ receivers: ['slack'] }))).toBe(0);
  });

  it('never gives up or refutes what a list has, whatever else it says', () => {
    const anyKnown = fc.record({
      id: fc.nat(5),
      fingerprint: fc.constantFrom('a', 'b', 'c'),
      open: fc.boolean(),
      lastReceivedAt: fc.nat(200 * MINUTE),
      receiver: fc.constant('tocsin'),
      suppressed: fc.constantFrom(undefined, 'silenced' as const),
    });
    const anyListed = fc.record({
      fingerprint: fc.constantFrom('a', 'b'),
      suppressed: fc.constantFrom(undefined, 'inhibited' as const),
      receivers: fc.constant(['tocsin']),
      startsAt: fc.nat(200 * MINUTE),
    });
    const lists = fc.array(fc.array(anyListed, { maxLength: 3 }), { maxLength: 3 });
    fc.assert(
      fc.property(fc.array(anyKnown, { maxLength: 5 }), lists, fc.boolean(), (episodes, given, complete) => {
        const absentSince = new Map(episodes.map(({ id }) => [id, 0]));
        const plan = reconcile(episodes, given, context({ complete, absentSince }));
        const there = new Set<string>(given.flat().map(({ fingerprint }) => fingerprint));
        const gone = episodes.filter(
          ({ id, open }) =>
            (open && plan.expire.some((one) => one.id === id)) || (!open && plan.refute.includes(id)),
        );
        if (!complete) expect([plan.expire, plan.refute]).toEqual([[], []]);
        for (const { id } of gone)
          expect(episodes.some((one) => one.id === id && !there.has(one.fingerprint))).toBe(true);
      }),
    );
  });
});

describe('parseListing', () => {
  const alert = {
    fingerprint: '00000000000000aa',
    startsAt: '2026-01-01T00:00:00.5Z',
    receivers: [{ name: 'tocsin' }, {}],
    status: { state: 'suppressed', silencedBy: ['x'], inhibitedBy: ['y'], mutedBy: [] },
  };
  const parse = (value: unknown) => parseListing(Buffer.from(JSON.stringify(value)));

  it('reads what an alert is, and why nobody is told of it', () => {
    expect(parse([alert])).toEqual({
      ok: true,
      alerts: [
        {
          fingerprint: '00000000000000aa',
          suppressed: 'silenced',
          receivers: ['tocsin'],
          startsAt: Date.parse('2026-01-01T00:00:00.5Z'),
        },
      ],
    });
    const status = { silencedBy: [], inhibitedBy: ['y'] };
    expect(parse([{ ...alert, status }])).toMatchObject({ alerts: [{ suppressed: 'inhibited' }] });
    expect(parse([])).toEqual({ ok: true, alerts: [] });
  });

  it.each([
    ['no list', {}, 'is not a list'],
    ['an alert without a fingerprint', [alert, { status: {} }], '/1 is not an alert'],
    ['an alert without a status', [{ fingerprint: alert.fingerprint }], '/0 is not an alert'],
  ])('refuses %s', (_what, value, why) => {
    expect(parse(value)).toEqual({ ok: false, detail: expect.stringContaining(why) });
  });

  it('never throws', () => {
    expect(parseListing(Buffer.from('<html>'))).toMatchObject({ ok: false });
    fc.assert(fc.property(fc.jsonValue(), (value) => void parse([value])));
    fc.assert(fc.property(fc.uint8Array(), (bytes) => void parseListing(bytes)));
  });
});
