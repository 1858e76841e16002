import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { systemClock } from '../../src/domain/clock.ts';
import { CollectorError, type Collector } from '../../src/host/collector.ts';
import { Host, type HostOptions } from '../../src/host/host.ts';
import { collectors, hostFamilies } from '../../src/host/registry.ts';
import { sample, type Family } from '../../src/metrics/family.ts';
import type { Logger } from '../../src/domain/log.ts';
import { readBack } from '../support/exposition/exposition.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { aSystem, never, ProcTree, recorded } from '../support/host/procfs.ts';
import { unpackedHost } from '../support/host/trees.ts';

const GAUGE: Family = { name: 'test_gauge', type: 'gauge', help: 'A test.', labels: [] };

class Log implements Logger {
  readonly lines: string[] = [];
  readonly #line = (fields: Readonly<Record<string, unknown>>, message: string): void => {
    this.lines.push(`${message} ${JSON.stringify(fields)}`);
  };
  readonly debug = this.#line;
  readonly info = this.#line;
  readonly warn = this.#line;
  readonly error = this.#line;
}

const hosts: Host[] = [];
let log: Log;
let clock: ManualClock;
let proc: ProcTree;
beforeEach(() => {
  log = new Log();
  clock = new ManualClock();
  proc = new ProcTree();
});
afterEach(async () => {
  proc.remove();
  await Promise.all(hosts.splice(0).map((host) => host.close()));
});

function hostOf(of: readonly Collector[], procfs: string, more: Partial<HostOptions> = {}): Host {
  const host = new Host({
    collectors: of,
    disabled: [],
    procfs,
    sysfs: join(procfs, '../sys'),
    rootfs: '/',
    textfile: [],
    reserved: [],
    clock,
    log,
    system: aSystem(),
    child: join(import.meta.dirname, '../support/host/hanging-child.mjs'),
    ...more,
  });
  hosts.push(host);
  return host;
}

const names = collectors.map(({ name }) => name);

function fake(collect: () => ReturnType<ReturnType<Collector['create']>['collect']>): Collector {
  return { name: 'fake', families: [GAUGE], create: () => ({ collect }) };
}

describe('a collector of the host', () => {
  it('has its duration and success beside its samples', async () => {
    const collector = fake(async () => {
      await clock.advance(250);
      return [sample(GAUGE, 7)];
    });
    const { series } = readBack(await hostOf([collector], proc.path).collectOne('fake', never));
    expect(Object.fromEntries(series)).toEqual({
      test_gauge: 7,
      'node_scrape_collector_duration_seconds{collector="fake"}': 0.25,
      'node_scrape_collector_success{collector="fake"}': 1,
    });
  });

  it('has success 0 where it fails, and each reason is logged once', async () => {
    let reason: string | undefined = 'first';
    const collector = fake(() => {
      if (reason !== undefined) throw new CollectorError(reason);
      return [];
    });
    const host = hostOf([collector], proc.path);
    const success = async () =>
      readBack(await host.collectOne('fake', never)).series.get(
        'node_scrape_collector_success{collector="fake"}',
      );
    expect([await success(), await success()]).toEqual([0, 0]);
    reason = 'second';
    expect(await success()).toBe(0);
    reason = undefined;
    expect(await success()).toBe(1);
    expect(log.lines).toEqual([
      'collector failed {"collector":"fake","reason":"first"}',
      'collector failed {"collector":"fake","reason":"second"}',
      'collector recovered {"collector":"fake"}',
    ]);
  });

  it('yields the event loop to others where it takes long', async () => {
    const order: string[] = [];
    const busy = (name: string): Collector => ({
      ...fake(() => {
        order.push(name);
        // Its time passes synchronously.
        void clock.advance(3);
        return [];
      }),
      name,
    });
    const host = hostOf([busy('first'), busy('second')], proc.path);
    setImmediate(() => order.push('others'));
    await Promise.all(host.names.map((name) => host.collectOne(name, never)));
    expect(order).toEqual(['first', 'others', 'second']);
  });

  it('is not believed to be unreadable because of a bug', async () => {
    const host = hostOf([fake(() => Promise.reject(new TypeError('a bug')))], proc.path);
    await expect(host.collectOne('fake', never)).rejects.toThrow('a bug');
  });

  it('is left out by name, and unknown names are refused', async () => {
    const host = hostOf(collectors, recorded('6.1'), {
      disabled: names.filter((name) => !['filesystem', 'loadavg', 'meminfo'].includes(name)),
    });
    expect(host.names).toEqual(['filesystem', 'loadavg', 'meminfo']);
    expect(host.families.some(({ name }) => name.startsWith('node_cpu'))).toBe(false);
    await expect(host.collectOne('cpu', never)).rejects.toThrow(
      '"cpu" is not a collector; expected one of: filesystem, loadavg, meminfo',
    );
    expect(() => hostOf(collectors, '/proc', { disabled: ['cpuu'] })).toThrow(
      /names cpuu, which is not a collector; expected one of: conntrack, cpu/,
    );
  });

  /** What each collector exposes besides its duration, and whether it succeeded. */
});

/** The collectors that expose something, and those that fail. */
async function outcomes(host: Host): Promise<{ exposing: string[]; failing: string[] }> {
  const [exposing, failing]: string[][] = [[], []];
  for (const name of host.names) {
    const { series } = readBack(await host.collectOne(name, never));
    const own = [...series.keys()].filter((key) => !key.startsWith('node_scrape_collector_'));
    if (own.length > 0) exposing?.push(name);
    if (series.get(`node_scrape_collector_success{collector="${name}"}`) === 0) failing?.push(name);
  }
  return { exposing: exposing ?? [], failing: failing ?? [] };
}

describe('a host', () => {
  it('has success 0, and no values, for everything read from /proc and /sys where these are missing', async () => {
    const host = hostOf(collectors, join(proc.path, 'nothing/proc'), { rootfs: proc.path });
    const { exposing, failing } = await outcomes(host);
    // The child in these tests finds an os-release anywhere, and no processes.
    expect(exposing).toEqual(['os', 'textfile', 'time', 'uname']);
    expect(failing).toEqual(names.filter((name) => !exposing.includes(name)));
    expect(host.stats().cpu_percent).toBeUndefined();
    expect(host.stats().memory).toBeUndefined();
  });

  it('has on macOS what Node reports, and success 0 for the rest, without a warning', async () => {
    const system = aSystem({
      platform: 'darwin',
      cpus: () => [{ times: { user: 1, nice: 2, sys: 3, idle: 4 } }],
    });
    const host = hostOf(collectors, join(proc.path, 'nothing/proc'), { rootfs: proc.path, system });
    const { exposing, failing } = await outcomes(host);
    expect(exposing).toEqual(['cpu', 'loadavg', 'meminfo', 'os', 'stat', 'textfile', 'time', 'uname']);
    expect(failing).toEqual(names.filter((name) => !exposing.includes(name)));
    expect(log.lines.filter((line) => !line.startsWith('collector has nothing to read'))).toEqual([]);
  });

  it('reports what a machine does not have, without a warning', async () => {
    const lines: string[] = [];
    const line = (level: string) => (_: unknown, message: string) => void lines.push(`${level}: ${message}`);
    const host = hostOf(collectors, recorded('6.1'), {
      log: { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') },
    });
    await host.collectOne('conntrack', never);
    expect(lines).toEqual(['info: collector has nothing to read']);
  });

  it('reads a recorded host with every collector, and declares everything that it exposes', async () => {
    const { procfs, rootfs } = unpackedHost('5.10');
    const child = join(import.meta.dirname, '../../dist/host/child/child.js');
    const host = hostOf(collectors, procfs, { rootfs, child, clock: systemClock });
    const samples = (await Promise.all(host.names.map((name) => host.collectOne(name, never)))).flat();
    const { series } = readBack(samples);
    expect([...series].filter(([name, value]) => name.includes('collector_success') && value !== 1)).toEqual(
      [],
    );
    const declared = new Map(hostFamilies.map(({ name, labels }) => [name, labels]));
    expect(samples.filter(({ family }) => !declared.has(family.name))).toEqual([]);
    for (const { family, labels } of samples) {
      expect(Object.keys(labels).sort()).toEqual([...(declared.get(family.name) ?? [])].sort());
    }
    expect(declared.size).toBe(hostFamilies.length);
  });
});

describe('the statistics of a host', () => {
  const stat = (user: number, idle: number): void =>
    proc.write('stat', `cpu  ${user} 0 0 ${idle} 0 0 0 0 0 0\n`);

  it('are CPU between two readings, memory and the root file system', async () => {
    stat(1_000, 1_000);
    proc.write('meminfo', 'MemTotal: 1000 kB\nMemAvailable: 300 kB\n');
    const host = hostOf([], proc.path);
    await clock.advance(10_000);
    stat(1_250, 1_750);
    expect(host.stats()).toMatchObject({
      cpu_percent: 25,
      memory: { total: 1_024_000, available: 307_200, percent: 70 },
    });
    while (host.stats().disk === undefined) await new Promise((resolve) => setImmediate(resolve));
    expect(host.stats().disk).toEqual({ total: 40_960, free: 16_384, percent: 55.6 });
  });

  it('stay unchanged when asked again at once, since hundredths of a second are too short to measure', async () => {
    stat(0, 1_000);
    const host = hostOf([], proc.path);
    expect(host.stats().cpu_percent).toBeUndefined();
    await clock.advance(1_000);
    stat(50, 1_050);
    expect(host.stats().cpu_percent).toBe(50);
    await clock.advance(10);
    stat(51, 1_050);
    expect(host.stats().cpu_percent).toBe(50);
    await clock.advance(990);
    expect(host.stats().cpu_percent).toBe(100);
  });
});
