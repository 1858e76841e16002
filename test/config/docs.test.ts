import { afterAll, describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { dump } from 'js-yaml';
import { describeKeys } from '../../src/config/schema/describe-keys.ts';
import { builtInLabels } from '../../src/config/sections/services/labels.ts';
import { describingContext, rootSchema } from '../../src/config/root.ts';
import { collectors } from '../../src/host/registry.ts';
import { checkFamilies } from '../../src/metrics/check-families.ts';
import { probers } from '../../src/probes/registry.ts';
import { ConfigFolder } from '../support/config/config-files.ts';

const page = readFileSync('docs/configuration.md', 'utf8');
const rows = new Map(
  page.split('\n').flatMap((line) => {
    const cells = line.split('|').map((cell) => cell.trim());
    const key = /^`(.+)`$/.exec(cells[1] ?? '')?.[1];
    return key === undefined ? [] : [[key, cells] as const];
  }),
);
const files = { resolve: (path: string) => path, read: () => '' };
const keys = describeKeys(rootSchema({ ...describingContext({ probers: [], collectors: [] }), files }));
const registry = { probers, collectors: collectors.map(({ name }) => name) };

const folder = new ConfigFolder();
afterAll(() => folder.remove());

describe('docs/configuration.md', () => {
  it('has a line for every key, and for no other', () => {
    const expected = [...keys.map(({ path }) => path), ...probers.map(({ type }) => `services[].${type}`)];
    expect(keys.length).toBeGreaterThan(60);
    expect([...rows.keys()].sort()).toEqual(expected.sort());
  });

  it('states the default of every key that has one', () => {
    const wrong = keys.flatMap(({ path, default: given }) => {
      // A mapping whose keys have their own lines.
      if (given === undefined || (typeof given === 'object' && rows.get(path)?.[3] === '')) return [];
      const written = dump(given, { flowLevel: 0 })
        .trim()
        .replace(/^'(.*)'$/, '$1');
      return rows.get(path)?.[3] === `\`${written}\`` ? [] : [`${path}: ${written}`];
    });
    expect(wrong).toEqual([]);
  });

  it('names every collector and links to every prober', () => {
    const row = rows.get('host.collectors.disable')?.[4] ?? '';
    expect([...row.matchAll(/`(\w+)`/g)].map(([, name]) => name)).toEqual([...registry.collectors].sort());
    for (const { type } of probers) expect(page).toContain(`(probers/${type}.md)`);
  });

  it('starts with a valid example', () => {
    const example = /```yaml\n(.*?)```/s.exec(page)?.[1] ?? '';
    folder.write('secrets/ops-token', 'a');
    folder.write('secrets/webhook-token', 'b');
    const config = folder.config(example, { ...registry, env: { REDIS_PASSWORD: 'c' } });
    expect(config.services.map(({ name, prober }) => [name, prober])).toEqual([
      ['api', 'http'],
      ['cache', 'redis'],
    ]);
  });
});

describe.each(probers)('docs/probers/$type.md', ({ type }) => {
  const text = readFileSync(`docs/probers/${type}.md`, 'utf8');
  const examples = [...text.matchAll(/```yaml\n(services:.*?)```/gs)].map(([, example]) => example ?? '');

  it('has valid examples of services', () => {
    for (const [, file] of text.matchAll(/\w+_file: ([\w./-]+)/g)) folder.write(file ?? '', 'a');
    expect(examples.length).toBeGreaterThan(0);
    for (const example of examples)
      expect(folder.config(example, registry).services.map(({ prober }) => prober)).toContain(type);
  });

  it('has a section on limits', () => {
    expect(text).toContain('\n## Limits\n');
  });
});

describe('the tocsin.yml that a newcomer starts with', () => {
  const text = readFileSync('tocsin.yml', 'utf8');

  it('watches this host, and Tocsin itself at the address it listens on', () => {
    const { host, server, services } = folder.config(text, registry);
    expect(host.enabled).toBe(true);
    expect(services.map(({ targets }) => targets[0]?.address)).toEqual([
      `http://${server.listen.host}:${server.listen.port}/-/healthy`,
    ]);
  });

  it('is still valid with its examples enabled', () => {
    folder.write('secrets/webhook-token', 'b');
    folder.write('secrets/redis-password', 'c');
    const examples = text.replace(
      /^( *)# (host:|webhooks:| {2}- name: main| {4}token_files|- name| {2}\w+:)/gm,
      '$1$2',
    );
    expect(examples).not.toBe(text);
    expect(folder.config(examples, registry).services.map(({ name }) => name)).toEqual([
      'tocsin',
      'api',
      'cache',
    ]);
  });
});

describe('the labels that services may not use', () => {
  it('are all those of the families of checks', () => {
    const builtIn = builtInLabels(probers);
    const missing = [...checkFamilies, ...probers.flatMap((prober) => prober.families)]
      .flatMap((family) => family.labels)
      .filter((label) => !builtIn.has(label));
    expect(missing).toEqual([]);
  });
});
