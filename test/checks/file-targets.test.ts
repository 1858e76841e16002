import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FileTargets } from '../../src/checks/file-targets.ts';
import { systemClock } from '../../src/domain/clock.ts';
import { SeriesTable } from '../../src/exposition/table/series-table.ts';
import { ConfigFolder } from '../support/config/config-files.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { seriesOf } from '../support/exposition/series.ts';
import { until } from '../support/until.ts';

let folder: ConfigFolder;
let running: FileTargets | undefined;
beforeEach(() => {
  folder = new ConfigFolder();
});
afterEach(() => {
  running?.stop();
  folder.remove();
});

const sd = (...targets: string[]) => JSON.stringify([{ targets }]);
const services = (path: string) =>
  folder.config(
    `services:\n  - { name: a, tcp: {}, targets_file: ${path} }\n  - { name: b, tcp: {}, target: 'x:1' }\n`,
  ).services;

function rig(path = 'sd.json') {
  const { logger, lines } = recordingLogger();
  const table = new SeriesTable();
  let changes = 0;
  const files = new FileTargets({ clock: systemClock, logger, table, onChange: () => (changes += 1) });
  running = files;
  files.configure(services(path));
  const labels = () => files.services().map(({ targets }) => targets.map(({ label }) => label).join(' '));
  const successful = () => seriesOf(table).get('tocsin_targets_file_last_read_successful{service="a"}');
  return { files, table, lines, labels, successful, changes: () => changes };
}

describe('targets files', () => {
  it('are read when they are configured, without effect on other services', () => {
    folder.write('sd.json', sd('h:1', 'h:2'));
    const { labels, successful, table } = rig();
    expect(labels()).toEqual(['h:1 h:2', 'x:1']);
    expect(successful()).toBe(1);
    const takenAt = seriesOf(table).get(
      'tocsin_targets_file_last_read_success_timestamp_seconds{service="a"}',
    );
    expect(Math.abs((takenAt ?? 0) - Date.now() / 1_000)).toBeLessThan(60);
  });

  it('are reloaded when they are written to, and when another file replaces them', async () => {
    folder.write('sd.json', sd('h:1'));
    const { labels, changes, lines } = rig();
    folder.write('sd.json', sd('h:1', 'h:2'));
    await until(() => labels()[0] === 'h:1 h:2');
    renameSync(folder.write('next.json', sd('h:3')), join(folder.path, 'sd.json'));
    await until(() => labels()[0] === 'h:3');
    expect(changes()).toBe(2);
    expect(lines).toMatchObject([
      { message: 'a targets file was reloaded', targets: 2, added: 1, removed: 0 },
      { message: 'a targets file was reloaded', targets: 1, added: 1, removed: 2 },
    ]);
  });

  it('are reloaded through the symlinks of a ConfigMap', async () => {
    const generation = (name: string, text: string) => {
      mkdirSync(join(folder.path, 'config', name), { recursive: true });
      writeFileSync(join(folder.path, 'config', name, 'sd.json'), text);
      symlinkSync(name, join(folder.path, 'config', 'tmp'));
      renameSync(join(folder.path, 'config', 'tmp'), join(folder.path, 'config', '..data'));
    };
    generation('..1', sd('h:1'));
    symlinkSync('..data/sd.json', join(folder.path, 'config', 'sd.json'));
    const { labels } = rig('config/sd.json');
    expect(labels()[0]).toBe('h:1');
    generation('..2', sd('h:2'));
    rmSync(join(folder.path, 'config', '..1'), { recursive: true });
    await until(() => labels()[0] === 'h:2');
  });

  it('are reloaded by polling where no notification comes: behind a symlink to another folder', async () => {
    folder.write('far/real.json', sd('h:1'));
    symlinkSync('far/real.json', join(folder.path, 'sd.json'));
    const { labels } = rig();
    folder.write('far/real.json', sd('h:2'));
    await until(() => labels()[0] === 'h:2');
  });

  it.each([
    ['are invalid', () => void folder.write('sd.json', '[{"targets": 3}]')],
    ['are truncated', () => void folder.write('sd.json', '[{"targets": ["h:')],
    ['are deleted', () => rmSync(join(folder.path, 'sd.json'))],
  ])('keep the last good targets when they %s, log it once, and recover', async (_, spoil) => {
    folder.write('sd.json', sd('h:1'));
    const { labels, successful, lines, changes, files } = rig();
    spoil();
    await until(() => successful() === 0);
    files.configure(services('sd.json'));
    expect([labels()[0], successful(), changes()]).toEqual(['h:1', 0, 0]);
    expect(lines.filter(({ level }) => level === 'error')).toMatchObject([
      { service: 'a', count: 1, problems: [{ file: join(folder.path, 'sd.json') }] },
    ]);
    folder.write('sd.json', sd('h:2'));
    await until(() => successful() === 1);
    expect(labels()[0]).toBe('h:2');
    expect(lines.map(({ message }) => message)).toContain('a targets file can be used again');
  });

  it('affect no other service when they are missing at the start, and are read once they exist', async () => {
    const { labels, successful } = rig('later/sd.json');
    expect([labels(), successful()]).toEqual([['', 'x:1'], 0]);
    folder.write('later/sd.json', sd('h:1'));
    await until(() => labels()[0] === 'h:1');
    folder.write('later/sd.json', sd('h:2'));
    await until(() => labels()[0] === 'h:2');
  });

  it('are no longer watched after they leave the configuration, and their series vanish', () => {
    folder.write('sd.json', sd('h:1'));
    const { files, successful, labels } = rig();
    files.configure(services('sd.json').slice(1));
    expect([labels(), successful()]).toEqual([['x:1'], undefined]);
  });
});
