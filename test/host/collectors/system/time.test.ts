import { existsSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { zoneAbbreviation } from '../../../../src/host/collectors/system/time-zone.ts';
import { time } from '../../../../src/host/collectors/system/time.ts';
import {
  golden,
  aSystem,
  hostOptions,
  KERNELS,
  never,
  ProcTree,
  seriesWith,
} from '../../../support/host/procfs.ts';
import { unpackedHost } from '../../../support/host/trees.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const WINTER = Date.parse('2026-01-15T12:00:00Z');
const SUMMER = Date.parse('2026-07-15T12:00:00Z');

describe('time', () => {
  it.each(KERNELS)('reads the clock sources of Linux %s as node_exporter does', async (kernel) => {
    const reported = await seriesWith(time, unpackedHost(kernel));
    const sources = Object.entries(reported).filter(([name]) => name.startsWith('node_time_clocksource'));
    expect(new Map(sources)).toEqual(golden(kernel, /^node_time_clocksource/));
  });

  it('has the time of the clock and the offset of the zone, and needs no /sys', async () => {
    const clock = new ManualClock(WINTER + 250);
    const system = aSystem({ timeZone: () => ({ name: 'Nowhere/Here', offset: -12_600 }) });
    expect(await seriesWith(time, { clock, system })).toEqual({
      node_time_seconds: WINTER / 1_000 + 0.25,
      'node_time_zone_offset_seconds{time_zone="-0330"}': -12_600,
    });
  });

  it('follows daylight saving time', async () => {
    const clock = new ManualClock(WINTER);
    let offset = 3_600;
    const instance = time.create(
      hostOptions({ clock, system: aSystem({ timeZone: () => ({ name: 'Nowhere/Here', offset }) }) }),
    );
    const zones = [];
    for (offset of [3_600, 7_200]) {
      const samples = await instance.collect(never);
      zones.push(samples.map(({ labels }) => labels['time_zone']).filter(Boolean));
    }
    expect(zones).toEqual([['+01'], ['+02']]);
  });
});

describe('zoneAbbreviation', () => {
  let tree: ProcTree;
  beforeEach(() => {
    tree = new ProcTree();
  });
  afterEach(() => tree.remove());

  /** A TZif file of version 2 with an empty first part; `changes` are seconds and the type from then on. */
  function zone(
    types: readonly (readonly [offset: number, name: string])[],
    changes: readonly (readonly [at: number, type: number])[],
  ): Buffer {
    const names = types.map(([, name]) => `${name}\0`);
    const header = (times: number, count: number, chars: number) => {
      const bytes = Buffer.alloc(44);
      bytes.write('TZif2');
      [times, count, chars].forEach((value, i) => bytes.writeUInt32BE(value, 32 + 4 * i));
      return bytes;
    };
    const body = Buffer.alloc(changes.length * 9 + types.length * 6);
    changes.forEach(([at, type], i) => {
      body.writeBigInt64BE(BigInt(at), 8 * i);
      body.writeUInt8(type, 8 * changes.length + i);
    });
    types.forEach(([offset], i) => {
      body.writeInt32BE(offset, 9 * changes.length + 6 * i);
      body.writeUInt8(names.slice(0, i).join('').length, 9 * changes.length + 6 * i + 5);
    });
    const empty = Buffer.concat([header(0, 1, 1), Buffer.alloc(7)]);
    return Buffer.concat([
      empty,
      header(changes.length, types.length, names.join('').length),
      body,
      Buffer.from(`${names.join('')}\nCET-1CEST\n`),
    ]);
  }

  it('is the name of the zone at that time, and later its last name with that offset', () => {
    const types = [
      [3_600, 'LMT'],
      [3_600, 'CET'],
      [7_200, 'CEST'],
    ] as const;
    tree.write(
      'Some/Where',
      zone(types, [
        [0, 1],
        [SUMMER / 1_000 - 1, 2],
      ]),
    );
    const called = (offset: number, at: number) => zoneAbbreviation('Some/Where', offset, at, tree.path);
    expect([called(3_600, WINTER), called(7_200, SUMMER), called(3_600, SUMMER * 2)]).toEqual([
      'CET',
      'CEST',
      'CET',
    ]);
  });

  it('is the offset where the file is missing, truncated or invalid', () => {
    const whole = zone([[3_600, 'CET']], [[0, 0]]);
    tree.write('Cut', whole.subarray(0, 100));
    tree.write('Other', 'no such file');
    tree.write('Elsewhere', zone([[0, 'GMT']], []));
    const called = ['Missing', 'Cut', 'Other', 'Elsewhere'].map((name) =>
      zoneAbbreviation(name, 3_600, WINTER, tree.path),
    );
    expect(called).toEqual(['+01', '+01', '+01', '+01']);
    expect(zoneAbbreviation('UTC', 0, WINTER, tree.path)).toBe('UTC');
  });

  const zones = [
    ['Europe/Vienna', 3_600, WINTER, 'CET'],
    ['Europe/Vienna', 7_200, SUMMER, 'CEST'],
    ['America/New_York', -14_400, SUMMER, 'EDT'],
    ['Asia/Kolkata', 19_800, SUMMER, 'IST'],
    ['America/Sao_Paulo', -10_800, SUMMER, '-03'],
  ] as const;
  it.each(zones)(
    'of %s at %s is read from the real database where there is one',
    (name, offset, at, text) => {
      const real = existsSync(`/usr/share/zoneinfo/${name}`);
      expect(zoneAbbreviation(name, offset, at)).toBe(
        real ? text : zoneAbbreviation('Missing', offset, at, tree.path),
      );
    },
  );
});
