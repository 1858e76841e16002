import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { OpenAlerts, type EpisodeChange } from '../../../../src/ledger/sqlite/episodes/open-alerts.ts';

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

/** What the database would hold after these changes. */
function sourceOf(changes: readonly EpisodeChange[]) {
  const newest = new Map(changes.map((change) => [change.id, change]));
  const open = [...newest.values()].filter((one) => one.open).sort((a, b) => a.id - b.id);
  return { all: () => open, one: (id: number) => open.find((one) => one.id === id) };
}

function countedOf(changes: readonly EpisodeChange[], maxSeries = 100): OpenAlerts {
  return new OpenAlerts({ maxSeries, source: sourceOf(changes) });
}

describe('OpenAlerts', () => {
  it('counts as a scan of every episode would', () => {
    fc.assert(
      fc.property(fc.array(anyChange, { maxLength: 60 }), (changes) => {
        const counted = countedOf(changes);
        for (const change of changes) counted.recordChange(change);
        counted.applyCommitted();
        const open = sourceOf(changes)
          .all()
          .filter((one) => one.labels['escalation'] === undefined);
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
    const change = { open: true, severity: 'critical' as const, acknowledged: false, since: 1 };
    const changes = [0, 1, 2, 3, 4].map((id) => ({ ...change, id, labels: { alertname: `A${id}` } }));
    const counted = countedOf(changes, 2);
    for (const one of changes) counted.recordChange(one);
    counted.applyCommitted();
    expect(counted.summary().unacknowledged.map(({ alertname }) => alertname)).toEqual(['A0', 'A1']);
    expect(counted.summary().unacknowledgedOverflow).toBe(3);
  });

  it('reports as many as there is room for, whatever was added and removed before', () => {
    const anySuppression = fc.record({ id: fc.nat(8), suppressed: fc.boolean() });
    const anyStep = fc.oneof({ weight: 3, arbitrary: anyChange }, anySuppression);
    fc.assert(
      fc.property(
        fc.array(anyStep, { maxLength: 60 }),
        fc.integer({ min: 1, max: 3 }),
        (steps, maxSeries) => {
          const changes: EpisodeChange[] = [];
          const suppressed = new Set<number>();
          const source = {
            all: () => sourceOf(changes).all(),
            one: (id: number) => sourceOf(changes).one(id),
          };
          const counted = new OpenAlerts({ maxSeries, source });
          for (const step of steps) {
            if ('suppressed' in step) {
              if (step.suppressed) suppressed.add(step.id);
              else suppressed.delete(step.id);
              counted.setSuppressed(step.id, step.suppressed);
            } else {
              changes.push(step);
              counted.recordChange(step);
            }
            counted.applyCommitted();
            const waiting = source
              .all()
              .filter((one) => !one.acknowledged && !suppressed.has(one.id) && !('escalation' in one.labels));
            const keyOf = ({ severity, labels }: EpisodeChange) =>
              [severity, labels['alertname'], labels['service'] ?? ''].join(' ');
            const { unacknowledged, unacknowledgedOverflow } = counted.summary();
            const reported = new Set(
              unacknowledged.map((one) => [one.severity, one.alertname, one.service].join(' ')),
            );
            expect(reported.size).toBe(Math.min(maxSeries, new Set(waiting.map(keyOf)).size));
            expect([...reported].filter((key) => !waiting.some((one) => keyOf(one) === key))).toEqual([]);
            const left = waiting.filter((one) => !reported.has(keyOf(one))).length;
            expect(unacknowledgedOverflow).toBeGreaterThanOrEqual(left);
            expect(unacknowledgedOverflow).toBeLessThanOrEqual(waiting.length - reported.size);
          }
        },
      ),
    );
  });

  it('drops what was rolled back', () => {
    const counted = countedOf([], 2);
    const back = counted.savepoint();
    counted.recordChange({
      id: 1,
      open: true,
      severity: 'critical',
      acknowledged: false,
      since: 1,
      labels: {},
    });
    back();
    counted.applyCommitted();
    expect(counted.summary().open).toEqual([]);
  });

  it('closes thousands at once at the cost of closing them one by one', () => {
    const change = {
      severity: 'critical' as const,
      acknowledged: false,
      since: 1,
      labels: { alertname: 'A' },
    };
    const closing = (count: number) => {
      const counted = countedOf([], 10);
      for (const open of [true, false])
        for (let id = 0; id < count; id++) counted.recordChange({ ...change, id, open });
      const started = process.cpuUsage();
      counted.applyCommitted();
      const { user } = process.cpuUsage(started);
      expect(counted.summary().unacknowledged).toEqual([]);
      return user;
    };
    closing(5_000);
    // ten times as many would be a hundred times the work if each searched all of them
    expect(closing(50_000)).toBeLessThan(40 * Math.max(1_000, closing(5_000)));
  });
});
