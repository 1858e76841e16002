import { afterAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { loadModules } from '../../src/config/modules/modules.ts';
import { formatProblem } from '../../src/config/reading/format-problems.ts';
import { probers } from '../../src/probes/registry.ts';
import { runProbe } from '../../src/probes/run.ts';
import { ConfigFolder } from '../support/config/config-files.ts';
import { loadedByBlackbox } from '../support/differential/modules/config-check.ts';
import { FILES, SETTINGS, type Fate } from '../support/differential/modules/module-settings.ts';
import { mutatedModules } from '../support/differential/modules/module-mutations.ts';
import { PUBLISHED_FILES } from '../support/differential/modules/published.ts';
import { describeWithPeers } from '../support/processes/peers.ts';
import { hostsResolver, pacedClock } from '../support/probes/probe.ts';

const folder = new ConfigFolder();
afterAll(() => folder.remove());

const moduleText = (prober: string, settings: string): string =>
  `modules:\n  good:\n    prober: icmp\n  m:\n    prober: ${prober}\n    ${prober}: { ${settings} }\n`;

const load = (text: string) => loadModules(folder.write('blackbox.yml', text), probers);

function fateOf(text: string): Fate {
  const { problems, notices } = load(text);
  if (problems.length > 0) return 'refused';
  if (notices.some(({ alwaysFails }) => alwaysFails)) return 'fails';
  return notices.length > 0 ? 'notice' : 'works';
}

const rows = SETTINGS.map(([fate, prober, settings]) => [moduleText(prober, settings), fate] as const);
const every: readonly (readonly [text: string, fate: Fate])[] = [
  ...rows,
  ...FILES.map(([fate, text]) => [text, fate] as const),
];

describe('the content of a modules file', () => {
  it.each(['works', 'notice', 'fails', 'refused', 'only here works', 'only here loaded'] as const)(
    '%s',
    (fate) => {
      const texts = every.filter((one) => one[1] === fate).map(([text]) => text);
      expect(texts.length).toBeGreaterThan(0);
      const expected = fate.replace('only here ', '').replace('loaded', 'fails');
      expect(texts.map((text) => [text, fateOf(text)])).toEqual(texts.map((text) => [text, expected]));
    },
  );

  it('never breaks the other modules where blackbox_exporter loads the file', () => {
    const fatal = every.filter(([, fate]) => fate === 'fails' || fate === 'notice');
    expect(fatal.length).toBeGreaterThan(40);
    for (const [text] of rows.filter(([, fate]) => fate === 'fails'))
      expect([...load(text).modules.keys()]).toEqual(['good', 'm']);
  });

  it('is reported with its line', () => {
    const text =
      'modules:\n  m:\n    prober: http\n    http:\n      valid_http_versions: [HTTP/1.1, HTTP/2]\n';
    expect(load(text).notices.map((one) => formatProblem({ ...one, file: 'blackbox.yml' }))).toEqual([
      'blackbox.yml:5: modules.m.http.valid_http_versions[1]: invalid version "HTTP/2"; expected one of HTTP/1.0, HTTP/1.1, HTTP/2.0, HTTP/3.0',
    ]);
  });

  it.each([
    ['valid_status_codes: [1000]', 'invalid status 1000'],
    ['body_file: /nope', 'cannot read /nope'],
    ['fail_if_ssl: true, fail_if_not_ssl: true', 'together fail every run'],
    ['method: "GE T"', 'expected an HTTP method'],
  ])('fails each run with the reason config: %s', async (settings, text) => {
    const module = load(moduleText('http', settings)).modules.get('m');
    if (module === undefined) throw new Error('no module');
    const target = { address: 'http://127.0.0.1:1/', label: 'a', host: '127.0.0.1' };
    const { verdict } = await runProbe({
      ...{ probe: module.probe, target, timeoutMs: 5_000 },
      ...{ resolver: hostsResolver(), clock: pacedClock() },
    });
    expect(verdict).toMatchObject({ status: 'failure', reason: 'config' });
    expect('text' in verdict && verdict.text).toContain(text);
  });
});

it('published files', () => {
  const refused = PUBLISHED_FILES.filter(({ text }) => load(text).problems.length > 0);
  expect(refused.map(({ name }) => name)).toEqual([]);
});

describeWithPeers(['blackbox_exporter'], 'blackbox_exporter', () => {
  it('loads the files that people publish', async () => {
    const loads = await loadedByBlackbox(PUBLISHED_FILES.map(({ text }) => text));
    expect(PUBLISHED_FILES.filter((_, i) => loads[i] !== true)).toEqual([]);
  });

  it('loads what we load, and refuses what we refuse', async () => {
    const loads = await loadedByBlackbox(every.map(([text]) => text));
    const refused = (fate: Fate): boolean => fate === 'refused' || fate.startsWith('only here');
    const wrong = every.filter(([, fate], i) => refused(fate) === loads[i]);
    expect(wrong).toEqual([]);
  });

  it('loads no mutated file that we refuse, and refuses none that we load without a notice', async () => {
    const files = fc.sample(mutatedModules, { numRuns: 60, seed: 28 });
    const loads = await loadedByBlackbox(files);
    const wrong = files.flatMap((modules, i) => {
      const fate = fateOf(JSON.stringify({ modules }));
      const agrees = loads[i] === true ? fate !== 'refused' : fate !== 'works';
      return agrees ? [] : [{ fate, there: loads[i], modules: JSON.stringify(modules) }];
    });
    expect(wrong).toEqual([]);
  });
});
