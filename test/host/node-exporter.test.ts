import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { systemClock } from '../../src/domain/clock.ts';
import { Host } from '../../src/host/host.ts';
import { collectors } from '../../src/host/registry.ts';
import { parseExposition, readBack, type Exposition } from '../support/exposition.ts';
import { readNodeExporter } from '../support/host/node-exporter.ts';
import { never } from '../support/host/procfs.ts';
import { describeWithPeers } from '../support/peers.ts';
import { recordingLogger } from '../support/recording-logger.ts';

/** What node_exporter has beyond ours: docs/host.md says why. */
const NOT_OURS = /^node_(exporter_build_info|filesystem_purgeable_bytes)$/;

/** How much a value may change while both look, which takes well below a second. The first that fits counts. */
const TOLERANCES: readonly (readonly [name: RegExp, tolerance: number])[] = [
  [/^node_(cpu_(guest_)?seconds_total|time_seconds|pressure_)/, 5],
  [/^node_load/, 1],
  [/collector_duration/, 10],
  [/^node_(memory_|filesystem_(avail|free|files_free))/, 512 * 2 ** 20],
  [/^node_(network_(receive|transmit)_\w+_total|netstat_Ip(6|Ext)_)/, 64 * 2 ** 20],
  [/^node_disk_\w+_bytes_total/, 512 * 2 ** 20],
  [/^node_disk_\w+_(total|now)$/, 1e6],
  [/^node_(intr|context_switches|forks)_total|^node_vmstat_/, 1e6],
  [/^node_(netstat|sockstat)_/, 1e5],
  [/^node_(procs|filefd_allocated|processes_(pids|state|threads)|nf_conntrack_(entries|stat))/, 1e3],
  [/^node_(entropy_available_bits|cpu_\w*frequency)/, 1e10],
  [/^node_thermal_zone_temp/, 20],
];

function tolerance(name: string): number {
  const plain = name.replace(/\{.*/s, '');
  return plain === 'node_nf_conntrack_entries_limit' || plain.endsWith('_mtime_seconds')
    ? 0
    : (TOLERANCES.find(([pattern]) => pattern.test(plain))?.[1] ?? 0);
}

/** 1.11 says 0 of a disk that turns where any other file beside this one is missing, as most are on newer kernels. */
function withoutRotational({ types, series }: Exposition): Exposition {
  const renamed = [...series].map(
    ([name, value]) => [name.replace(/rotational="\d"/, 'rotational=""'), value] as const,
  );
  return { types, series: new Map(renamed) };
}

/** Processes and threads are in any of several states from one moment to the next. */
const STATES = /^node_processes_(threads_)?state\{/;

describeWithPeers(['node_exporter'], 'the host beside node_exporter', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-textfile-'));
  let host: Host;
  let theirs: Exposition;
  let ours: Exposition;

  beforeAll(async () => {
    writeFileSync(
      join(folder, 'backup.prom'),
      '# HELP backup_age_seconds Age.\n# TYPE backup_age_seconds gauge\nbackup_age_seconds{disk="a"} 12.5\nplain 1e3\n',
    );
    host = new Host({
      collectors,
      disabled: [],
      procfs: '/proc',
      sysfs: '/sys',
      rootfs: '/',
      textfile: [folder],
      reserved: [],
      clock: systemClock,
      log: recordingLogger().logger,
      child: join(import.meta.dirname, '../../dist/host/child.js'),
    });
    // The child is there when it counts.
    await host.collectOne('filesystem', never);
    const [text, samples] = await Promise.all([
      readNodeExporter(
        collectors.map(({ name }) => name),
        [`--collector.textfile.directory=${folder}`],
      ),
      Promise.all(host.names.map((name) => host.collectOne(name, never))),
    ]);
    theirs = withoutRotational(parseExposition(text));
    ours = withoutRotational(readBack(samples.flat()));
  });

  afterAll(async () => {
    await host.close();
    rmSync(folder, { recursive: true });
  });

  const named = (exposition: Exposition) =>
    [...exposition.series.keys()]
      .filter((name) => !NOT_OURS.test(name.replace(/\{.*/s, '')) && !STATES.test(name))
      .sort();

  it('has the same families of the same types', () => {
    const expected = new Map([...theirs.types].filter(([name]) => !NOT_OURS.test(name)));
    expect(new Map([...ours.types].sort())).toEqual(new Map([...expected].sort()));
    expect(ours.types.size).toBeGreaterThan(200);
  });

  it('has the same series', () => {
    expect(named(ours)).toEqual(named(theirs));
  });

  it('has the same values, but for what changed meanwhile', () => {
    const differing = named(ours).filter((name) => {
      const [value, their] = [ours.series.get(name) ?? NaN, theirs.series.get(name) ?? NaN];
      // 1.10 and 1.11 overlook mounts that are read-only at one place (node_exporter 3484, mended in 1.12).
      if (name.startsWith('node_filesystem_readonly') && value === 1 && their === 0) return false;
      return !(Math.abs(value - their) <= tolerance(name) + 1e-12 * Math.abs(their));
    });
    expect(
      differing.map((name) => ({ name, ours: ours.series.get(name), theirs: theirs.series.get(name) })),
    ).toEqual([]);
  });
});
