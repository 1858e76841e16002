import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { OpenAlerts, type EpisodeChange } from '../../src/ledger/sqlite/open-alerts.ts';

const anyChange: fc.Arbitrary<EpisodeChange> = fc.record({
  id: fc.nat(8),
  open: fc.boolean(),
  severity: fc.constantFrom('critical', 'warning'),
  acknowledged: fc.boolean(),
  since: fc.nat(100),
  labels: fc.record(
    {
      alertname: fc.constantFrom('A', 'B'),
      service: fc.constantFrom('x', 'y'),
      escalation: fc.constant('2'),
    },
    { requiredKeys: ['alertname'] },
  ),
});

describe('OpenAlerts', () => {
  it('counts as a look at every episode would', () => {
    fc.assert(
      fc.property(fc.array(anyChange, { maxLength: 60 }), (changes) => {
        const counted = new OpenAlerts(100);
        for (const change of changes) counted.note(change);
        counted.apply();
        const newest = new Map(changes.map((change) => [change.id, change]));
        const open = [...newest.values()].filter((one) => one.open && one.labels['escalation'] === undefined);
        const { open: counts, unacknowledged } = counted.summary();
        for (const { severity, acknowledged, count } of counts) {
          expect(count).toBe(
            open.filter((one) => one.severity === severity && one.acknowledged === acknowledged).length,
          );
        }
        expect(counts.reduce((sum, { count }) => sum + count, 0)).toBe(open.length);
        const waiting = open.filter((one) => !one.acknowledged);
        for (const { alertname, severity, service, instance, since } of unacknowledged) {
          const same = waiting.filter(
            (one) =>
              one.labels['alertname'] === alertname &&
              one.severity === severity &&
              (one.labels['service'] ?? '') === service,
          );
          expect([instance, since]).toEqual(['', Math.min(...same.map((one) => one.since))]);
        }
        const keys = waiting.map(
          ({ labels, severity }) => `${labels['alertname'] ?? ''} ${severity} ${labels['service'] ?? ''}`,
        );
        expect(unacknowledged).toHaveLength(new Set(keys).size);
      }),
    );
  });

  it('caps its series and counts the rest', () => {
    const counted = new OpenAlerts(2);
    const change = { open: true, severity: 'critical' as const, acknowledged: false, since: 1 };
    for (let id = 0; id < 5; id++) counted.note({ ...change, id, labels: { alertname: `A${id}` } });
    counted.apply();
    expect(counted.summary().unacknowledged.map(({ alertname }) => alertname)).toEqual(['A0', 'A1']);
    expect(counted.summary().unacknowledgedOverflow).toBe(3);
  });

  it('forgets what was rolled back', () => {
    const counted = new OpenAlerts(2);
    const back = counted.mark();
    counted.note({ id: 1, open: true, severity: 'critical', acknowledged: false, since: 1, labels: {} });
    back();
    counted.apply();
    expect(counted.summary().open).toEqual([]);
  });

  it('thousands that close at once cost no more than one by one', () => {
    const counted = new OpenAlerts(10);
    const change = {
      severity: 'critical' as const,
      acknowledged: false,
      since: 1,
      labels: { alertname: 'A' },
    };
    for (const open of [true, false])
      for (let id = 0; id < 50_000; id++) counted.note({ ...change, id, open });
    const started = performance.now();
    counted.apply();
    expect(performance.now() - started).toBeLessThan(2_000);
    expect(counted.summary().unacknowledged).toEqual([]);
  });
});
