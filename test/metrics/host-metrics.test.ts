import { describe, expect, it } from '@jest/globals';
import { SeriesTable } from '../../src/exposition/table/series-table.ts';
import { renderText } from '../support/render-text.ts';
import { sample, type Family, type Sample } from '../../src/metrics/family.ts';
import { hostCollectors } from '../../src/metrics/host-metrics.ts';
import { valueOf } from '../support/exposition/exposition-parser.ts';

const load: Family = { name: 'node_load1', type: 'gauge', help: '1m load average.', labels: [] };
const success: Family = { name: 'test_success', type: 'gauge', help: 'Whether it was read.', labels: [] };

function setUp(collectOne: () => Promise<readonly Sample[]>) {
  const table = new SeriesTable();
  const host = { names: ['loadavg'], collectOne, leftOut: () => [sample(success, 0)] };
  const [collector] = hostCollectors(host, table);
  if (collector === undefined) throw new Error('there should be one');
  const text = () => renderText(table.snapshot());
  return { table, collector, text };
}

describe('the metrics of the host', () => {
  it('are the values read, and can be selected by the name of the collector', async () => {
    const { table, collector, text } = setUp(() => Promise.resolve([sample(load, 1.5), sample(success, 1)]));
    await collector.collect(new AbortController().signal);
    expect([valueOf(text(), 'node_load1'), valueOf(text(), 'test_success')]).toEqual([1.5, 1]);
    expect(table.snapshot(new Set(['loadavg'])).families).toHaveLength(2);
    expect(table.snapshot(new Set(['cpu'])).families).toHaveLength(0);
  });

  it('are replaced by success 0 when their collector is left out', async () => {
    const { collector, text } = setUp(() => Promise.resolve([sample(load, 1.5), sample(success, 1)]));
    await collector.collect(new AbortController().signal);
    collector.leaveOut();
    expect([valueOf(text(), 'node_load1'), valueOf(text(), 'test_success')]).toEqual([undefined, 0]);
  });

  it('stay out when they arrive after their collector was abandoned', async () => {
    let finish: () => void = () => undefined;
    const { collector, text } = setUp(
      () => new Promise((resolve) => (finish = () => resolve([sample(load, 1)]))),
    );
    const controller = new AbortController();
    const collecting = collector.collect(controller.signal);
    collector.leaveOut();
    controller.abort();
    finish();
    await collecting;
    expect(valueOf(text(), 'node_load1')).toBeUndefined();
  });
});
