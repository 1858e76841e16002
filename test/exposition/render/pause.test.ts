import { describe, expect, it } from '@jest/globals';
import { ScrapeSource } from '../../../src/exposition/render/scrape-source.ts';
import { SeriesTable } from '../../../src/exposition/table/series-table.ts';
import { ManualClock, settle } from '../../support/manual-clock.ts';

/** A source whose collections take the given time; returns when they began, in milliseconds. */
function setUp(takesMs: number) {
  const clock = new ManualClock();
  const table = new SeriesTable();
  table.group().replace([{ family: { name: 'up', type: 'gauge', help: 'Up.' }, labels: {}, value: 1 }]);
  const began: number[] = [];
  const collect = () => {
    began.push(clock.monotonic());
    return new Promise<void>((resolve) => void clock.after(takesMs, resolve));
  };
  const source = new ScrapeSource({
    table,
    collectors: [{ name: 'cpu', collect, leaveOut: () => undefined }],
    clock,
    onCollectorFailure: () => undefined,
    onCoalesced: () => undefined,
    onRendered: () => undefined,
  });
  const scrape = async () => {
    const format = { name: 'text', escaping: 'underscores' } as const;
    const { signal } = new AbortController();
    const body = await source.scrape({ waitMs: 10_000, format, encoding: 'identity', signal });
    body.release();
  };
  return { clock, began, scrape };
}

async function pass(clock: ManualClock, ms: number): Promise<void> {
  for (let i = 0; i < ms; i++) {
    await clock.advance(1);
    await settle();
    await settle();
  }
}

/** Scrapes again as soon as the previous scrape is answered. */
async function backToBack(takesMs: number, ms: number): Promise<readonly number[]> {
  const { clock, began, scrape } = setUp(takesMs);
  const loop = (async () => {
    while (clock.monotonic() < ms) await scrape();
  })();
  await pass(clock, ms + 2 * takesMs + 60);
  await loop;
  return began.filter((at) => at < ms);
}

describe('scrapes without a pause', () => {
  it('are collected at once when that takes almost no time', async () => {
    const began = await backToBack(4, 100);
    expect(began.length).toBeGreaterThanOrEqual(18);
  });

  it('leave about half of the time to other work when it takes longer', async () => {
    const began = await backToBack(30, 600);
    expect(began.length).toBeGreaterThanOrEqual(9);
    expect(began.length).toBeLessThanOrEqual(11);
  });

  it('wait at most 50 ms', async () => {
    const began = await backToBack(400, 2_000);
    const pauses = began.slice(1).map((at, i) => at - (began[i] ?? 0) - 400);
    expect(pauses.length).toBeGreaterThanOrEqual(3);
    for (const pause of pauses) expect(pause).toBeLessThanOrEqual(53);
  });
});

describe('a scrape after a while', () => {
  it('is collected at once, however long the last one took', async () => {
    const { clock, began, scrape } = setUp(30);
    const first = scrape();
    await pass(clock, 40);
    await first;
    await pass(clock, 100);
    const second = scrape();
    await pass(clock, 32);
    await second;
    expect(began[1]).toBeLessThanOrEqual(142);
  });
});
