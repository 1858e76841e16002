import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { systemClock } from '../../src/domain/clock.ts';
import { SeriesTable } from '../../src/exposition/table/series-table.ts';
import { renderText } from '../support/render-text.ts';
import { Host } from '../../src/host/host.ts';
import { collectors } from '../../src/host/registry.ts';
import { textfile } from '../../src/host/textfile/textfile.ts';
import { parseExposition, readBack, type Exposition } from '../support/exposition/exposition.ts';
import { readNodeExporter } from '../support/host/node-exporter.ts';
import { hostOptions, never } from '../support/host/procfs.ts';
import { describeWithPeers } from '../support/processes/peers.ts';
import { recordingLogger } from '../support/recording-logger.ts';

/** What only node_exporter has: docs/host.md says why. */
const NOT_OURS = /^node_(exporter_build_info|filesystem_purgeable_bytes)$/;

/** How much a value may change while both read it, well within a second. The first match counts. */
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

/** 1.11 reports 0 for a rotational disk where any sibling of this file is missing, as most are on newer kernels. */
function withoutRotational({ types, series }: Exposition): Exposition {
  const renamed = [...series].map(
    ([name, value]) => [name.replace(/rotational="\d"/, 'rotational=""'), value] as const,
  );
  return { types, series: new Map(renamed) };
}

/** Processes and threads change between several states from one moment to the next. */
const STATES = /^node_processes_(threads_)?state\{/;

/** What real scripts write, by file. node_exporter decides what is correct. */
const TEXTFILES: Readonly<Record<string, string | Buffer>> = {
  'types.prom': '# TYPE t_a Counter\nt_a 1\n# TYPE t_b GAUGE\nt_b 2\n# TYPE t_c Untyped\nt_c 3\n',
  'summaries.prom':
    '# TYPE s_a summary\ns_a{quantile="0.5"} 1\n# TYPE s_b Summary\ns_b_sum 3\n# TYPE s_c summary\ns_c_count{x="1"} 3\n',
  'histograms.prom':
    '# TYPE h_a histogram\nh_a_bucket{le="1"} 1\nh_a_bucket{le="+Inf"} 2\nh_a_count 2\n# TYPE h_b Histogram\nh_b_count 0\nh_b_sum 1\n',
  'twice.prom': 'd{x="1"} 1\nd{x="1"} 2\nd{x="2"} 3\n',
  'twice-again.prom': 'd{x="2"} 4\nd{x="3"} 5\ne 1\n',
  // as Python's write_to_textfile(path, REGISTRY) writes it
  'python.prom':
    '# HELP python_info Python platform information\n# TYPE python_info gauge\npython_info{implementation="CPython",version="3.11.2"} 1.0\n' +
    '# HELP jobs_total Jobs\n# TYPE jobs_total counter\njobs_total 3.0\n# HELP jobs_created Jobs\n# TYPE jobs_created gauge\njobs_created 1.7e+09\n',
  'types-differ-1.prom': '# HELP k x\n# TYPE k counter\nk{x="1"} 1\n',
  'types-differ-2.prom': '# HELP k x\n# TYPE k gauge\nk{x="2"} 1\nk_more 1\n',
  'names-meet.prom': '# TYPE m summary\nm_sum 2\nm_count 1\n',
  'names-meet-again.prom': 'm_count 3\nm_other 1\n',
};

/** Each sets node_textfile_scrape_error to 1 on its own. */
const UNREADABLE: readonly (readonly [string, (folder: string) => void])[] = [
  ['a dangling link', (folder) => symlinkSync('nowhere', join(folder, 'x.prom'))],
  ['a folder', (folder) => mkdirSync(join(folder, 'x.prom'))],
  ['binary data', (folder) => writeFileSync(join(folder, 'x.prom'), Buffer.from([0x61, 0xff]))],
  ['a type that does not exist', (folder) => writeFileSync(join(folder, 'x.prom'), '# TYPE a Blob\na 1\n')],
  ['a name in UTF-8', (folder) => writeFileSync(join(folder, 'x.prom'), '{"a.b"} 1\n')],
];

describeWithPeers(['node_exporter'], 'textfiles, compared with node_exporter', () => {
  async function both(fill: (folder: string) => void): Promise<readonly [ours: string[], theirs: string[]]> {
    const folder = mkdtempSync(join(tmpdir(), 'tocsin-textfile-'));
    fill(folder);
    const instance = textfile.create(hostOptions({ textfile: [folder] }));
    const text = await readNodeExporter(['textfile'], [`--collector.textfile.directory=${folder}`]);
    const table = new SeriesTable();
    table.group().replace(await instance.collect(never));
    const ours = parseExposition(renderText(table.snapshot()));
    const theirs = parseExposition(text);
    rmSync(folder, { recursive: true });
    const shown = ({ series, types }: Exposition) =>
      [
        ...[...series].map(([name, value]) => `${name} ${value}`),
        ...[...types].map(([name, type]) => `${name} is a ${type}`),
      ].filter((line) => !/^node_(scrape|exporter)/.test(line));
    return [shown(ours).sort(), shown(theirs).sort()];
  }

  it('are served identically, for any types, parts and collisions', async () => {
    const [ours, theirs] = await both((folder) => {
      for (const [name, content] of Object.entries(TEXTFILES)) writeFileSync(join(folder, name), content);
    });
    expect(ours).toEqual(theirs);
    expect(ours.length).toBeGreaterThan(40);
  });

  it.each(UNREADABLE)('fail identically with %s', async (_what, fill) => {
    const [ours, theirs] = await both((folder) => {
      fill(folder);
      writeFileSync(join(folder, 'good.prom'), 'good 1\n');
    });
    expect(ours).toEqual(theirs);
    expect(ours).toContain('node_textfile_scrape_error 1');
  });
});

/** Possible values of the variable TZ. */
const ZONES = ['', 'UTC', 'Etc/GMT', 'Zulu', ':Europe/Vienna', 'Asia/Kolkata', 'Etc/GMT+5', 'Nonsense/Zone'];

describeWithPeers(['node_exporter'], 'the time zone, compared with node_exporter', () => {
  it.each([undefined, ...ZONES])('TZ=%s', async (zone) => {
    const env = environment(zone);
    const theirs = await readNodeExporter(['time'], [], env);
    const code = `const { nodeSystem } = await import(${JSON.stringify(dist('host/system.js'))});
      const { zoneAbbreviation } = await import(${JSON.stringify(dist('host/collectors/system/time-zone.js'))});
      const { name, offset } = nodeSystem().timeZone(Date.now());
      process.stdout.write(zoneAbbreviation(name, offset, Date.now()) + ' ' + (Object.is(offset, -0) ? '-0' : offset));`;
    const ours = execFileSync(process.execPath, ['--input-type=module', '-e', code], {
      env,
      encoding: 'utf8',
    });
    const [, name, offset] = /^node_time_zone_offset_seconds\{time_zone="(.*)"\} (\S+)$/m.exec(theirs) ?? [];
    expect(ours).toBe(`${name} ${offset}`);
  });
});

function environment(zone: string | undefined): Record<string, string> {
  const { TZ: _own, ...rest } = process.env;
  const given = Object.entries({ ...rest, TZ: zone }).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as Record<string, string>;
}

const dist = (path: string) => new URL(`../../dist/${path}`, import.meta.url).href;

describeWithPeers(['node_exporter'], 'the host, compared with node_exporter', () => {
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
      child: join(import.meta.dirname, '../../dist/host/child/child.js'),
    });
    // The child exists when it counts.
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

  it('has the same values, except for what changed in between', () => {
    const differing = named(ours).filter((name) => {
      const [value, their] = [ours.series.get(name) ?? NaN, theirs.series.get(name) ?? NaN];
      // 1.10 and 1.11 miss mounts that are read-only at one place (node_exporter 3484, fixed in 1.12).
      if (name.startsWith('node_filesystem_readonly') && value === 1 && their === 0) return false;
      return !(Math.abs(value - their) <= tolerance(name) + 1e-12 * Math.abs(their));
    });
    expect(
      differing.map((name) => ({ name, ours: ours.series.get(name), theirs: theirs.series.get(name) })),
    ).toEqual([]);
  });
});
