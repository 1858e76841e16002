import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import type { ScrapeCollector } from '../../../src/exposition/render/collectors.ts';
import {
  ScrapeSource,
  type ScrapeRequest,
  type ScrapeSourceOptions,
} from '../../../src/exposition/render/scrape-source.ts';
import type { ScrapeBody } from '../../../src/exposition/render/snapshot-expositions.ts';
import type { Clock } from '../../../src/domain/clock.ts';
import { SeriesTable, type SeriesGroup } from '../../../src/exposition/table/series-table.ts';
import { ManualClock, settle } from '../../support/manual-clock.ts';
import { valueOf } from '../../support/exposition/exposition-parser.ts';

const reading = { name: 'reading', type: 'gauge', help: 'What was read.' } as const;
const own = { name: 'own', type: 'gauge', help: 'Of no collector.' } as const;
const success = { name: 'collector_success', type: 'gauge', help: 'Whether it worked.' } as const;

/** The longest pause between two collections. */
const REST_MS = 50;

/** A collector that reads on request of a test. */
class HeldCollector implements ScrapeCollector {
  readonly name: string;
  readonly #group: SeriesGroup;
  readonly signals: AbortSignal[] = [];
  #finish: ((error?: Error) => void) | undefined;

  constructor(name: string, table: SeriesTable) {
    this.name = name;
    this.#group = table.group(name);
  }

  async collect(signal: AbortSignal): Promise<void> {
    this.signals.push(signal);
    await new Promise<void>((resolve, reject) => {
      this.#finish = (error) => (error === undefined ? resolve() : reject(error));
    });
    this.#write(this.signals.length, 1);
  }

  leaveOut(): void {
    this.#write(undefined, 0);
  }

  async finish(error?: Error): Promise<void> {
    // the collection starts in the next turn of the event loop
    await settle();
    await settle();
    this.#finish?.(error);
    await settle();
  }

  #write(value: number | undefined, ok: number): void {
    const labels = { collector: this.name };
    this.#group.replace([
      ...(value === undefined ? [] : [{ family: reading, labels, value }]),
      { family: success, labels, value: ok },
    ]);
  }
}

function setUp(options: Partial<ScrapeSourceOptions> = {}) {
  const clock = new ManualClock();
  const table = new SeriesTable();
  table.group().replace([{ family: own, labels: {}, value: 1 }]);
  const [cpu, disk] = [new HeldCollector('cpu', table), new HeldCollector('disk', table)];
  const counts = { coalesced: 0, rendered: 0, failures: [] as string[] };
  const source = new ScrapeSource({
    table,
    collectors: [cpu, disk],
    clock,
    onCollectorFailure: (name) => counts.failures.push(name),
    onCoalesced: () => (counts.coalesced += 1),
    onRendered: () => (counts.rendered += 1),
    ...options,
  });
  const scrape = (wish: Partial<ScrapeRequest> = {}) =>
    source.scrape({
      waitMs: 9_500,
      format: { name: 'text', escaping: 'underscores' },
      encoding: 'identity',
      signal: new AbortController().signal,
      ...wish,
    });
  return { clock, table, cpu, disk, counts, source, scrape };
}

const textOf = async (body: Promise<ScrapeBody>) => Buffer.concat([...(await body).chunks]).toString('utf8');

describe('scrapes that arrive during a collection', () => {
  it('share its collectors, its rendering and its compression', async () => {
    const { cpu, disk, counts, scrape } = setUp();
    const scrapes = [scrape(), scrape(), scrape({ encoding: 'gzip' }), scrape({ encoding: 'gzip' })];
    await Promise.all([cpu.finish(), disk.finish()]);
    const [one, two, zipped, zippedToo] = await Promise.all(scrapes);
    expect(one?.chunks).toBe(two?.chunks);
    expect(zipped?.chunks).toBe(zippedToo?.chunks);
    const plain = Buffer.concat([...(one?.chunks ?? [])]);
    expect(gunzipSync(Buffer.concat([...(zipped?.chunks ?? [])]))).toEqual(plain);
    expect(counts).toEqual({ coalesced: 3, rendered: 1, failures: [] });
    expect(cpu.signals).toHaveLength(1);
  });

  it('cannot join once it has ended', async () => {
    const { cpu, disk, counts, scrape } = setUp();
    const first = scrape();
    await Promise.all([cpu.finish(), disk.finish()]);
    const second = scrape();
    await Promise.all([cpu.finish(), disk.finish()]);
    expect(valueOf(await textOf(first), 'reading', { collector: 'cpu' })).toBe(1);
    expect(valueOf(await textOf(second), 'reading', { collector: 'cpu' })).toBe(2);
    expect(counts.coalesced).toBe(0);
  });
});

describe('a scrape at its deadline', () => {
  it('is served without the late collector, whose old values are removed', async () => {
    const { clock, cpu, disk, scrape } = setUp();
    const before = scrape();
    await Promise.all([cpu.finish(), disk.finish()]);
    await before;
    const late = scrape({ waitMs: 500 });
    await cpu.finish();
    await clock.advance(500);
    const text = await textOf(late);
    expect(valueOf(text, 'reading', { collector: 'cpu' })).toBe(2);
    expect(valueOf(text, 'reading', { collector: 'disk' })).toBeUndefined();
    expect(valueOf(text, 'collector_success', { collector: 'disk' })).toBe(0);
    expect(valueOf(text, 'own')).toBe(1);
  });

  it('leaves other scrapes their own deadline', async () => {
    const { clock, cpu, disk, scrape } = setUp();
    const [hasty, patient] = [scrape({ waitMs: 500 }), scrape({ waitMs: 9_500 })];
    await cpu.finish();
    await clock.advance(500);
    expect(valueOf(await textOf(hasty), 'collector_success', { collector: 'disk' })).toBe(0);
    await clock.advance(1_000);
    await disk.finish();
    const text = await textOf(patient);
    expect(valueOf(text, 'collector_success', { collector: 'disk' })).toBe(1);
    expect(valueOf(text, 'reading', { collector: 'disk' })).toBe(1);
  });

  it('closes the collection to newcomers, which share only the collectors that still run', async () => {
    const { clock, cpu, disk, scrape, counts } = setUp();
    const [hasty, patient] = [scrape({ waitMs: 500 }), scrape()];
    await cpu.finish();
    await clock.advance(500);
    await hasty;
    const newcomer = scrape();
    await clock.advance(REST_MS);
    await cpu.finish();
    await disk.finish();
    expect(valueOf(await textOf(newcomer), 'reading', { collector: 'cpu' })).toBe(2);
    expect(valueOf(await textOf(patient), 'reading', { collector: 'disk' })).toBe(1);
    expect(disk.signals).toHaveLength(1);
    expect(counts.coalesced).toBe(1);
  });

  it('shares its rendering with scrapes whose deadline is at the same moment', async () => {
    const { clock, counts, scrape } = setUp();
    const scrapes = [scrape({ waitMs: 500 }), scrape({ waitMs: 500 })];
    await clock.advance(500);
    const [one, two] = await Promise.all(scrapes);
    expect(one?.chunks).toBe(two?.chunks);
    expect(counts.rendered).toBe(1);
  });
});

describe('scrapes that arrive during a rendering', () => {
  it('share the one collection that starts when it is done', async () => {
    let go: () => void = () => undefined;
    const stepping = new ManualClock();
    // each reading of the clock advances it by 10 ms: rendering yields the event loop after every block
    const clock = { ...bound(stepping), monotonic: () => (now += 10) };
    let now = 0;
    const { cpu, disk, counts, scrape } = setUp({
      clock,
      pause: () => new Promise((resolve) => (go = resolve)),
    });
    const first = scrape();
    await Promise.all([cpu.finish(), disk.finish()]);
    const later = [scrape(), scrape()];
    await settle();
    await settle();
    expect([cpu.signals.length, counts.rendered]).toEqual([1, 0]);
    const pump = setInterval(() => go(), 1);
    await first;
    await settle();
    await stepping.advance(REST_MS);
    await Promise.all([cpu.finish(), disk.finish()]);
    const [one, two] = await Promise.all(later);
    clearInterval(pump);
    expect(one?.chunks).toBe(two?.chunks);
    expect([cpu.signals.length, counts.rendered]).toEqual([2, 2]);
  });
});

/** The methods of a clock as own members of an object. */
function bound(clock: ManualClock): Clock {
  return {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    after: (delayMs, run) => clock.after(delayMs, run),
  };
}

describe('a collector that hangs', () => {
  it('is aborted when the last waiting scrape is served, and is left out until it has ended', async () => {
    const { clock, cpu, disk, scrape } = setUp();
    const first = scrape({ waitMs: 500 });
    await cpu.finish();
    await clock.advance(500);
    await first;
    expect(disk.signals.map((signal) => signal.aborted)).toEqual([true]);
    const second = scrape();
    await clock.advance(REST_MS);
    await cpu.finish();
    expect(valueOf(await textOf(second), 'collector_success', { collector: 'disk' })).toBe(0);
    expect(disk.signals).toHaveLength(1);
    await disk.finish();
    const third = scrape();
    await Promise.all([cpu.finish(), disk.finish()]);
    expect(valueOf(await textOf(third), 'reading', { collector: 'disk' })).toBe(2);
  });

  it('does not affect its neighbours when it throws', async () => {
    const { cpu, disk, counts, scrape } = setUp();
    const scraped = scrape();
    await Promise.all([cpu.finish(), disk.finish(new Error('a bug'))]);
    const text = await textOf(scraped);
    expect(valueOf(text, 'collector_success', { collector: 'disk' })).toBe(0);
    expect(valueOf(text, 'collector_success', { collector: 'cpu' })).toBe(1);
    expect(counts.failures).toEqual(['disk']);
  });
});

describe('a client that disconnects', () => {
  it('stops the collectors when it was the last, and rejects at once', async () => {
    const { cpu, disk, scrape } = setUp();
    const [one, other] = [new AbortController(), new AbortController()];
    const scrapes = [scrape({ signal: one.signal }), scrape({ signal: other.signal })].map((each) =>
      each.catch(() => 'left'),
    );
    await settle();
    await settle();
    one.abort();
    expect(await scrapes[0]).toBe('left');
    expect(cpu.signals[0]?.aborted).toBe(false);
    other.abort();
    expect(await scrapes[1]).toBe('left');
    expect([cpu, disk].map(({ signals }) => signals[0]?.aborted)).toEqual([true, true]);
  });

  it('starts nothing when it disconnected before', async () => {
    const { cpu, scrape } = setUp();
    await expect(scrape({ signal: AbortSignal.abort() })).rejects.toThrow();
    expect(cpu.signals).toHaveLength(0);
  });
});

describe('filters', () => {
  it('run and expose only the named collectors', async () => {
    const { cpu, disk, scrape } = setUp();
    const scraped = scrape({ collectors: new Set(['cpu']) });
    await cpu.finish();
    const text = await textOf(scraped);
    expect(text).toContain('reading{collector="cpu"} 1\n');
    expect(text).not.toContain('own');
    expect(disk.signals).toHaveLength(0);
  });

  it('share a run with unfiltered scrapes', async () => {
    const { cpu, disk, scrape } = setUp();
    const [all, one] = [scrape(), scrape({ collectors: new Set(['cpu']) })];
    await Promise.all([cpu.finish(), disk.finish()]);
    await Promise.all([all, one]);
    expect(cpu.signals).toHaveLength(1);
  });

  it('expose only the named families, from either source', async () => {
    const { cpu, disk, scrape } = setUp();
    const requests = [['reading'], ['own'], ['nothing'], ['reading,own']];
    const scrapes = requests.map((names) => scrape({ names: new Set(names) }));
    await Promise.all([cpu.finish(), disk.finish()]);
    const [readings, own, ...nothing] = await Promise.all(scrapes.map(textOf));
    expect(readings?.match(/^# TYPE .*/gm)).toEqual(['# TYPE reading gauge']);
    expect(own).toBe('# HELP own Of no collector.\n# TYPE own gauge\nown 1\n');
    expect(nothing).toEqual(['', '']);
  });
});

describe('rendering', () => {
  it('fails every scrape of the snapshot when it fails, and none after it', async () => {
    let broken = true;
    let now = 0;
    const stepping = new ManualClock();
    const clock = { ...bound(stepping), monotonic: () => (now += 10) };
    const pause = () => (broken ? Promise.reject(new Error('no text')) : Promise.resolve());
    const { cpu, disk, scrape } = setUp({ clock, pause });
    const scrapes = [scrape(), scrape({ encoding: 'gzip' })].map((each) =>
      each.catch((error: unknown) => String(error)),
    );
    await Promise.all([cpu.finish(), disk.finish()]);
    expect(await Promise.all(scrapes)).toEqual(['Error: no text', 'Error: no text']);
    broken = false;
    const next = scrape();
    await settle();
    await stepping.advance(REST_MS);
    await Promise.all([cpu.finish(), disk.finish()]);
    expect(await textOf(next)).toContain('own 1\n');
  });

  it('leaves buffers that are being read unchanged, and reuses their memory when they are released', async () => {
    const { table, scrape } = setUp({ collectors: [] });
    const group = table.group();
    const write = (value: number) =>
      group.replace(
        Array.from({ length: 9_000 }, (_, i) => ({ family: reading, labels: { i: `${i}` }, value })),
      );
    const seen = new Set<unknown>();
    write(1_000);
    const held = await scrape();
    const before = Buffer.concat([...held.chunks]).toString();
    for (let i = 1; i <= 20; i += 1) {
      write(1_000 + i);
      const body = await scrape();
      expect(Buffer.concat([...body.chunks]).toString()).toContain(`reading{i="7777"} ${1_000 + i}\n`);
      // pages of one block are the memory of the block; the first is shared with others
      if (i > 4) seen.add(body.chunks[2]?.buffer);
      body.release();
      body.release();
    }
    expect(Buffer.concat([...held.chunks]).toString()).toBe(before);
    expect(seen.size).toBe(2);
  });
});
