import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { dump } from 'js-yaml';
import fc from 'fast-check';
import { builtInLabels } from '../../src/config/sections/services/labels.ts';
import { formatProblem } from '../../src/config/reading/format-problems.ts';
import { readTargetsFile, targetsFile } from '../../src/config/sections/services/targets-file.ts';
import { ConfigFolder } from '../support/config/config-files.ts';
import { fakeProbers } from '../support/probes/fake-probers.ts';

let folder: ConfigFolder;
beforeEach(() => {
  folder = new ConfigFolder();
});
afterEach(() => folder.remove());

function fileOf(type: string, path: string) {
  const prober = fakeProbers.find((one) => one.type === type);
  if (prober === undefined) throw new Error(type);
  return targetsFile({ path, prober, builtIn: builtInLabels(fakeProbers) });
}

/** The content of a targets file with that text, or its problems as lines. */
function read(text: string, type = 'tcp') {
  const result = readTargetsFile(fileOf(type, folder.write('targets.yml', text)));
  return result.ok
    ? result.targets
    : result.problems.map((problem) => formatProblem(problem).replaceAll(`${folder.path}/`, ''));
}

const json = JSON.stringify([
  { targets: ['a:1', 'b:2'], labels: { team: 'ai', rack: '' } },
  { targets: ['c:3'] },
  { targets: [], labels: { team: 'none' } },
]);
const three = [
  { address: 'a:1', label: 'a:1', host: 'a', labels: { team: 'ai' } },
  { address: 'b:2', label: 'b:2', host: 'b', labels: { team: 'ai' } },
  { address: 'c:3', label: 'c:3', host: 'c', labels: {} },
];

describe('a targets file', () => {
  it('has the format of Prometheus’s file_sd, as JSON or YAML', () => {
    expect(read(json)).toEqual(three);
    expect(read('- targets: [a:1, b:2]\n  labels: { team: ai, rack: "" }\n- targets:\n    - c:3\n')).toEqual(
      three,
    );
    expect(read('[]')).toEqual([]);
  });

  it('reads numbers and yes as strings, as Prometheus does, and expands nothing', () => {
    expect(read('- targets: [a:1]\n  labels: { rack: 12, live: yes, name: "${HOME}" }\n')).toMatchObject([
      { labels: { rack: '12', live: 'yes', name: '${HOME}' } },
    ]);
  });

  it.each(['job', 'instance', 'group', '__param_module', '__meta_x', 'le', 'a-b'])(
    'drops the label %s, which a file shared with Prometheus may have, and reports its line',
    (name) => {
      const text = `- targets: [a:1]\n  labels:\n    ${name}: x\n    team: ai\n`;
      const result = readTargetsFile(fileOf('tcp', folder.write('targets.yml', text)));
      if (!result.ok) throw new Error('refused');
      expect(result.targets).toMatchObject([{ address: 'a:1', labels: { team: 'ai' } }]);
      expect(result.targets[0]?.labels).toEqual({ team: 'ai' });
      expect(result.notices[0]?.message).toContain(`"${name}" is left out`);
      expect(result.notices).toEqual([expect.objectContaining({ line: 3 })]);
    },
  );

  it('labels targets as the prober does', () => {
    expect(read('[{"targets": ["http://user:secret@h:1/x?q=1"]}]', 'http')).toMatchObject([
      { label: 'http://h:1/x', host: 'h' },
    ]);
  });

  it.each([
    ['', 'targets.yml: is empty; expected a list of groups, or [] for no targets'],
    ['{"targets": ["a:1"]}', 'targets.yml:1: expected a list, got a mapping'],
    [
      '[\n  {"targets": ["a:1"], "label": {}}\n]',
      'targets.yml:2: [0].label: unknown key "label"; did you mean "labels"?',
    ],
    ['- labels: {}\n', 'targets.yml:1: [0].targets: missing; expected a list'],
    ['- targets: a:1\n', 'targets.yml:1: [0].targets: expected a list, got text'],
    ['- targets: [""]\n', 'targets.yml:1: [0].targets[0]: expected some text, got none'],
    ['- a:1\n', 'targets.yml:1: [0]: expected a mapping (key: value), got text'],
    [
      '- targets: [a:1]\n- targets:\n    - b:1\n    - a:1\n',
      'targets.yml:4: [1].targets[1]: same label "a:1" as [0].targets[0]; remove one of them',
    ],
  ])('%j is refused, with its line', (text, problem) => {
    expect(read(text)).toEqual([problem]);
  });

  it('reports every problem at once', () => {
    const text =
      '- targets: [ftp://x, http://h/]\n  labels: { le: "1" }\n- targets: [http://h/?a]\n  more: 1\n';
    expect(read(text, 'http')).toEqual([
      expect.stringContaining('targets.yml:1: [0].targets[0]: not an http'),
      expect.stringContaining('targets.yml:3: [1].targets[0]: same label'),
      'targets.yml:4: [1].more: unknown key "more"; valid keys: labels, targets',
    ]);
    expect(read('- targets: [ftp://x, http://h/, http://h/?a]\n', 'http')).toHaveLength(2);
  });

  it('is reported as truncated, missing or a directory', () => {
    expect(read(json.slice(0, 40))).toEqual([expect.stringMatching(/^targets\.yml:1: not valid YAML: /)]);
    for (const [path, why] of [
      ['gone.json', 'no such file'],
      ['', 'it is a directory'],
    ] as const) {
      const result = readTargetsFile(fileOf('tcp', `${folder.path}/${path}`));
      expect(result.ok ? [] : result.problems.map(({ message }) => message)).toEqual([
        expect.stringContaining(why),
      ]);
    }
  });

  it('returns every group that was written, in both formats', () => {
    const label = fc.stringMatching(/^l_[a-z0-9]{0,6}$/);
    const groups = fc.uniqueArray(fc.nat(999), { maxLength: 12 }).chain((ports) =>
      fc
        .array(
          fc.record({
            take: fc.nat(4),
            labels: fc.dictionary(label, fc.string({ minLength: 1 }), { maxKeys: 3, noNullPrototype: true }),
          }),
          { maxLength: 4 },
        )
        .map((shapes) => {
          const rest = [...ports];
          return shapes.map(({ take, labels }) => ({
            targets: rest.splice(0, take).map((port) => `h:${port}`),
            labels,
          }));
        }),
    );
    fc.assert(
      fc.property(groups, (given) => {
        const expected = given.flatMap(({ targets, labels }) =>
          targets.map((address) => ({ address, label: address, host: 'h', labels })),
        );
        expect(read(JSON.stringify(given))).toEqual(expected);
        expect(read(dump(given))).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });

  it('never throws, whatever its content', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        const result = readTargetsFile(fileOf('tcp', folder.write('targets.yml', text)));
        if (!result.ok) expect(result.problems.length).toBeGreaterThan(0);
      }),
      { numRuns: 100 },
    );
  });
});

describe('targets_file', () => {
  const service = (keys: string) => `services:\n  - name: a\n    tcp: {}\n${keys}`;

  it('is a path relative to the configuration, whose file is not part of it', () => {
    const config = folder.config(service('    targets_file: sd/a.json\n'));
    expect(config.services).toMatchObject([
      { targets: [], targetsFile: { path: `${folder.path}/sd/a.json` } },
    ]);
  });

  it('excludes targets', () => {
    expect(folder.problems(service('    targets_file: a.json\n    targets: [b:1]\n'))).toEqual([
      'tocsin.yml:4: services[0].targets_file: give either targets or targets_file, not both',
    ]);
    expect(folder.problems(service('    targets_file: 3\n'))).toEqual([
      'tocsin.yml:4: services[0].targets_file: expected text, got a number; put it in quotes',
    ]);
  });
});
