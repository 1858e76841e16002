import { afterAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { dump } from 'js-yaml';
import { parseYaml } from '../../src/config/yaml/yaml.ts';
import { formatDuration } from '../../src/domain/quantity.ts';
import { ConfigFolder } from '../support/config/config-files.ts';

const folder = new ConfigFolder();
afterAll(() => folder.remove());

const WORDS = [
  'server', 'services', 'listen', 'name', 'http', 'tcp', 'target', 'targets', 'labels', 'adaptive', 'tokens', 'webhooks',
  '__proto__', 'constructor', ': ', ':', '\n', '\n  ', '\n    ', '- ', '{', '}', '[', ']', ', ', '&a ', '*a', '<<: ', '!!str ',
  '!x ', '"', "'", '|\n', '>\n', '${A}', '${A', '$${', '#', '\t', '---\n', '...\n', '? ', '~', 'true', '1', '0.5', '30s', '%',
  '\u0000', '\ud800', '\r', '\u2028', '@', '`',
] as const; // prettier-ignore

const yamlish = fc
  .array(
    fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...WORDS) }, { weight: 1, arbitrary: fc.string() }),
    { maxLength: 40 },
  )
  .map((words) => words.join(''));

const name = fc.stringMatching(/^[a-z0-9][a-z0-9_-]{0,8}$/);
const milliseconds = fc.integer({ min: 1_000, max: 86_400_000 });
const text = fc.stringMatching(/^[\w ${}:#'"&*!|>%@-]{1,20}$/);
/** In a configuration, `$${` is a literal `${`. */
const escaped = (value: string) => value.replaceAll('${', () => '$${');

const service = fc.record({
  name,
  description: text,
  critical: fc.boolean(),
  priority: fc.nat(),
  interval: milliseconds,
  labels: fc.dictionary(fc.stringMatching(/^own_[a-z]{1,5}$/), text, { maxKeys: 3 }),
  targets: fc.uniqueArray(fc.stringMatching(/^[a-z]{1,8}:[1-9]\d{0,3}$/), { minLength: 1, maxLength: 3 }),
  failures: fc.integer({ min: 1, max: 9 }),
});

const model = fc.record({
  port: fc.integer({ min: 0, max: 65_535 }),
  burst: fc.integer({ min: 1, max: 1e6 }),
  history: milliseconds.filter((value) => value >= 60_000),
  enabled: fc.boolean(),
  services: fc.uniqueArray(service, { selector: (one) => one.name, maxLength: 4 }),
});

type Model = typeof model extends fc.Arbitrary<infer T> ? T : never;

function written({ port, burst, history, enabled, services }: Model) {
  return {
    server: { listen: `127.0.0.1:${port}` },
    metrics: { rate_limit: { burst } },
    store: { retention: { history: formatDuration(history) } },
    host: { enabled },
    services: services.map(({ description, interval, labels, failures, ...rest }) => ({
      ...rest,
      description: escaped(description),
      interval: formatDuration(interval),
      labels: Object.fromEntries(Object.entries(labels).map(([key, value]) => [key, escaped(value)])),
      confirm: { failures },
      tcp: {},
    })),
  };
}

describe('any text', () => {
  it('is parsed without throwing, with each problem on a line of the text', () => {
    fc.assert(
      fc.property(yamlish, (source) => {
        const lineCount = source.split(/\r\n|\n|\r/).length;
        const { problems } = parseYaml(source, { A: 'x' });
        for (const { line = 1 } of problems) expect(line >= 1 && line <= lineCount).toBe(true);
      }),
      { numRuns: 3_000 },
    );
  });

  it('is either a configuration or has problems', () => {
    fc.assert(
      fc.property(yamlish, (source) => {
        const result = folder.load(source);
        if (!result.ok) expect(result.problems.length).toBeGreaterThan(0);
        expect(Reflect.ownKeys(Object.prototype)).not.toContain('x');
      }),
      { numRuns: 500 },
    );
  });
});

describe('any valid configuration', () => {
  it('is read as intended, in block and in flow style', () => {
    fc.assert(
      fc.property(model, fc.constantFrom(-1, 0, 2), (meant, flowLevel) => {
        const config = folder.config(dump(written(meant), { flowLevel }));
        expect(config.server.listen.port).toBe(meant.port);
        expect(config.metrics.rateLimit).toEqual({ perSecond: 10, burst: meant.burst });
        expect(config.store.retention.historyMs).toBe(meant.history);
        expect(config.host.enabled).toBe(meant.enabled);
        expect(config.services).toMatchObject(
          meant.services.map(({ interval, targets, failures, ...rest }) => ({
            ...rest,
            intervalMs: interval,
            confirm: { failures },
            targets: targets.map((address) => ({ address, label: address })),
          })),
        );
      }),
      { numRuns: 200 },
    );
  });

  it('with an unknown key anywhere is refused, with the line of that key', () => {
    fc.assert(
      fc.property(model, fc.nat(), (meant, where) => {
        const lines = dump(written(meant)).split('\n');
        // Before a key that starts its line, at the same depth, outside labels.
        const places = lines.flatMap((line, index) =>
          /^ *[a-z_]+:/.test(line) && !/^ *own_/.test(line) ? [index] : [],
        );
        const place = places[where % places.length] ?? 0;
        const indent = /^ */.exec(lines[place] ?? '')?.[0] ?? '';
        lines.splice(place, 0, `${indent}zzzzzz: 1`);
        const problems = folder.problems(lines.join('\n'));
        expect(problems).toHaveLength(1);
        expect(problems[0]).toMatch(
          new RegExp(`^tocsin\\.yml:${place + 1}: .*zzzzzz: unknown key "zzzzzz"; valid keys: `),
        );
      }),
      { numRuns: 200 },
    );
  });
});
