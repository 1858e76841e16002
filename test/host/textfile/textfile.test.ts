import { renameSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { CollectorInstance } from '../../../src/host/collector.ts';
import { textfile } from '../../../src/host/textfile/textfile.ts';
import type { Family, Sample } from '../../../src/metrics/family.ts';
import { readBack } from '../../support/exposition/exposition.ts';
import { hostOptions, never, ProcTree } from '../../support/host/procfs.ts';
import { recordingLogger, type RecordedLine } from '../../support/recording-logger.ts';

const OURS: Family = { name: 'node_load1', type: 'gauge', help: 'Ours.', labels: [] };
const HISTOGRAM: Family = { name: 'ours_seconds', type: 'histogram', help: 'Ours.', labels: [] };

let tree: ProcTree;
let lines: RecordedLine[];
let instance: CollectorInstance;
beforeEach(() => {
  tree = new ProcTree();
  use(tree.path);
});
afterEach(() => tree.remove());

function use(...folders: string[]): void {
  const recorder = recordingLogger();
  lines = recorder.lines;
  instance = textfile.create(
    hostOptions({ textfile: folders, reserved: [OURS, HISTOGRAM], log: recorder.logger }),
  );
}

const collect = async (): Promise<readonly Sample[]> => instance.collect(never);

/** What is served, except the times of the files. */
async function served(): Promise<Record<string, number>> {
  const samples = (await collect()).filter(({ family }) => family.name !== 'node_textfile_mtime_seconds');
  return Object.fromEntries(readBack(samples).series);
}

/** The reports about files that are not served: `file:line reason`. */
const rejected = (): string[] =>
  lines
    .filter(({ message }) => message === 'textfile rejected')
    .map(({ file, line, reason }) =>
      `${String(file).slice(tree.path.length + 1)}:${typeof line === 'number' ? line : ''} ${String(reason)}`.trim(),
    );

describe('textfile', () => {
  it('serves the content of files: families with their types and help, and when they were written', async () => {
    tree.write(
      'a.prom',
      '# HELP backup_age_seconds How \\\\ old.\\nYes.\n# TYPE backup_age_seconds gauge\nbackup_age_seconds{disk="a \\"b\\""} 12.5\n',
    );
    tree.write('b.prom', '\n#comment\n\tplain 1e3 \n');
    tree.write('ignored.txt', 'not { a file of ours');
    utimesSync(join(tree.path, 'a.prom'), 1_700_000_000, 1_700_000_000.75);
    const samples = await collect();
    const { series } = readBack(samples);
    expect(series.get('backup_age_seconds{disk="a \\"b\\""}')).toBe(12.5);
    expect(series.get('plain')).toBe(1_000);
    expect(series.get(`node_textfile_mtime_seconds{file="${tree.path}/a.prom"}`)).toBe(1_700_000_000);
    expect(series.get('node_textfile_scrape_error')).toBe(0);
    expect(series.size).toBe(5);
    const families = samples.map(({ family }) => family);
    expect(families[0]).toEqual({
      name: 'backup_age_seconds',
      type: 'gauge',
      help: 'How \\ old.\nYes.',
      labels: ['disk'],
    });
    expect(families[1]).toMatchObject({ name: 'plain', type: 'untyped' });
  });

  it('serves complete histograms and summaries', async () => {
    tree.write(
      'a.prom',
      [
        '# TYPE took_seconds histogram',
        'took_seconds_bucket{job="x",le="+Inf"} 3',
        'took_seconds_bucket{job="x",le="0.10"} 1',
        'took_seconds_sum{job="x"} 4.5',
        'took_seconds_count{job="x"} 3',
        '# TYPE size_bytes summary',
        'size_bytes{quantile="0.5"} 7',
        'size_bytes_sum 9',
        'size_bytes_count 2',
        'size_count 4',
        '',
      ].join('\n'),
    );
    const logged = (await collect()).map(({ family, labels, value }) => [
      family.name,
      family.type,
      labels,
      value,
    ]);
    expect(logged.slice(0, 3)).toEqual([
      ['took_seconds', 'histogram', { job: 'x' }, { bounds: [0.1], counts: [1, 3], sum: 4.5 }],
      ['size_bytes', 'summary', {}, { quantiles: [0.5], values: [7], sum: 9, count: 2 }],
      ['size_count', 'untyped', {}, 4],
    ]);
  });
});

describe('textfile, with a file that is not quite right,', () => {
  const wrong: readonly (readonly [text: string, line: number, reason: string])[] = [
    ['a 1 1700000000', 1, 'a has "1700000000" after its value: expected no timestamp, nor anything else'],
    ['a 1\n\nb{x="1} 2', 3, 'expected label="value"'],
    ['a{x="\\t"} 1', 1, 'expected label="value", with \\\\, \\" and \\n escaped'],
    ['a{x="1" y="2"} 1', 1, 'expected label="value"'],
    ['a{x="1",x="2"} 1', 1, 'duplicate label x: expected it once'],
    ['a{__name__="b"} 1', 1, 'invalid label __name__'],
    ['a{"x"="1"} 1', 1, 'expected label="value"'],
    ['1a 1', 1, 'expected the name of a metric or a comment'],
    ['a', 1, 'a has the value "": expected a number'],
    ['a one', 1, 'a has the value "one": expected a number'],
    ['a 0x10', 1, 'expected a number'],
    ['a 1e400', 1, 'expected a number'],
    ['a 1\r', 1, 'expected a number'],
    ['# TYPE a blob\na 1', 1, 'TYPE "blob": expected counter, gauge, histogram, summary, untyped'],
    ['# TYPE a gauge\n# TYPE a gauge\na 1', 2, 'duplicate TYPE of a'],
    ['a 1\n# TYPE a gauge', 2, 'TYPE of a after its samples'],
    ['# HELP a x\n# HELP a x\na 1', 2, 'duplicate HELP of a'],
    ['# TYPE 1a gauge', 1, 'TYPE of "1a": expected a name'],
    ['# TYPE a histogram\na 1', 2, 'a is a histogram: expected a_bucket{le="…"}, and a_sum and a_count'],
    ['# TYPE a histogram\na_bucket{le="x"} 1', 2, 'a_bucket has le="x": expected a number'],
    ['# TYPE a summary\na 1', 2, 'a has quantile=""'],
  ];
  it.each(wrong)('rejects a file with %j, and names line %i', async (text, line, reason) => {
    tree.write('bad.prom', `${text}\n`);
    tree.write('good.prom', 'good 1\n');
    expect(await served()).toEqual({ good: 1, node_textfile_scrape_error: 1 });
    expect(rejected()).toEqual([expect.stringContaining(reason)]);
    expect(rejected()[0]).toMatch(new RegExp(`^bad.prom:${line} `));
  });

  const inPart: readonly (readonly [text: string, line: number, reason: string])[] = [
    ['b 1\na 1\na 2', 3, 'duplicate a with the same labels: already in this file'],
    ['b 1\na{x="1",y=""} 1\na{x="1"} 2', 3, 'duplicate a with the same labels'],
    [
      'b 1\n# TYPE h histogram\nh_bucket{le="1"} 2\nh_bucket{le="2"} 1\nh_sum 1\nh_count 2',
      4,
      'the buckets of h decrease',
    ],
    ['b 1\n# TYPE h histogram\nh_bucket{le="+Inf"} 2\nh_sum 1\nh_count 3', 3, 'do not add up to h_count'],
    ['b 1\n# TYPE h histogram\nh_sum 1\nh_count -3', 3, 'h_count is -3: expected a count'],
    ['b 1\nnode_load1{x="1"} 1', 2, 'node_load1: the name node_load1 is used by Tocsin'],
    [
      'b 1\nours_seconds_count 1',
      2,
      "the name ours_seconds_count is used by Tocsin's own family ours_seconds",
    ],
    [
      'b 1\nz_count 1\n# TYPE z summary\nz_sum 1\nz_count 2',
      3,
      'z and z_count would both have lines named z_count',
    ],
  ];
  it.each(inPart)('serves the rest of a file with %j', async (text, line, reason) => {
    tree.write('part.prom', `${text}\n`);
    expect(await served()).toMatchObject({ b: 1, node_textfile_scrape_error: 0 });
    expect(rejected()).toEqual([]);
    expect(lines).toMatchObject([{ message: 'textfile served in part', left_out: 1, line }]);
    expect(lines[0]?.['reason']).toContain(reason);
  });

  it.each(['Counter', 'COUNTER', 'counter', 'cOuNtEr'])('accepts the type %s', async (type) => {
    tree.write('a.prom', `# TYPE a ${type}\na 1\n`);
    expect((await collect())[0]).toMatchObject({ family: { name: 'a', type: 'counter' }, value: 1 });
  });

  it.each<[string, string, Sample['value']]>([
    ['summary', 'a{quantile="0.5"} 7', { quantiles: [0.5], values: [7], sum: 0, count: 0 }],
    ['summary', 'a_sum 3', { quantiles: [], values: [], sum: 3, count: 0 }],
    ['summary', 'a_count 3', { quantiles: [], values: [], sum: 0, count: 3 }],
    ['histogram', 'a_bucket{le="1"} 1\na_bucket{le="2"} 2', { bounds: [1, 2], counts: [1, 2, 2], sum: 0 }],
    ['histogram', 'a_bucket{le="1"} 1\na_bucket{le="+Inf"} 5', { bounds: [1], counts: [1, 5], sum: 0 }],
    ['histogram', 'a_count 5', { bounds: [], counts: [5], sum: 0 }],
    ['histogram', 'a_sum 5', { bounds: [], counts: [0], sum: 5 }],
  ])('serves a %s with only %j as far as possible', async (type, text, value) => {
    tree.write('a.prom', `# TYPE a ${type}\n${text}\n`);
    expect((await collect())[0]).toMatchObject({ family: { name: 'a', type }, value });
    expect(lines).toEqual([]);
  });
});

describe('textfile, with several files,', () => {
  it('leaves out the later of two conflicting families or series, and serves the rest', async () => {
    tree.write(
      'a.prom',
      '# HELP a x\n# TYPE a counter\na{x="1"} 1\nb 1\n# TYPE h histogram\nh_sum 1\nh_count 1\n',
    );
    tree.write('b.prom', 'new 1\n# TYPE a gauge\na{x="2"} 1\n');
    tree.write('c.prom', '# HELP a y\n# TYPE a counter\na{x="2"} 1\n');
    tree.write('d.prom', 'b 2\nd 1\n');
    tree.write('e.prom', 'h_sum 2\n');
    tree.write('f.prom', '# TYPE a counter\na{x="2"} 7\na{x="3"} 8\n');
    const logged = (await collect()).map(({ family, labels, value }) => [family.name, labels, value]);
    expect(logged.slice(0, 7)).toEqual([
      ['a', { x: '1' }, 1],
      ['a', { x: '2' }, 1],
      ['a', { x: '3' }, 8],
      ['b', {}, 1],
      ['h', {}, { bounds: [], counts: [1], sum: 1 }],
      ['new', {}, 1],
      ['d', {}, 1],
    ]);
    expect(lines.map(({ message, line, reason }) => [message, line, reason])).toEqual([
      [
        'textfile served in part',
        2,
        `a is a gauge here and a counter in ${tree.path}/a.prom; expected one type`,
      ],
      ['textfile served in part', 1, `duplicate b with the same labels: already in ${tree.path}/a.prom`],
      ['textfile served in part', 1, 'h_sum and h would both have lines named h_sum; expected another name'],
      ['textfile served in part', 2, `duplicate a with the same labels: already in ${tree.path}/c.prom`],
    ]);
  });

  it('rejects what is not text, incomplete, not a file or too long', async () => {
    tree.write('binary.prom', Buffer.from([0x61, 0x20, 0xff, 0x0a]));
    tree.write('cut.prom', 'a 1\nb 2');
    tree.write('folder.prom/x', '');
    tree.write('long.prom', `# ${'x'.repeat(8 * 2 ** 20)}\n`);
    symlinkSync('nowhere', join(tree.path, 'link.prom'));
    writeFileSync(
      Buffer.concat([Buffer.from(`${tree.path}/`), Buffer.from([0xff]), Buffer.from('.prom')]),
      'x 1\n',
    );
    expect(await served()).toEqual({ node_textfile_scrape_error: 1 });
    expect(rejected()).toEqual([
      'binary.prom: is not valid UTF-8',
      'cut.prom:2 the last line is incomplete: is it still being written? Write to another file and rename it',
      'folder.prom: is not a regular file',
      'link.prom: is a link to a file that does not exist',
      'long.prom: has 8388611 bytes; expected at most 8388608',
      '\uFFFD.prom: has a name that is not UTF-8; expected another name',
    ]);
  });
});

describe('textfile, from one reading to the next,', () => {
  it('reports each problem once, reads a file again when it was written, and drops one that is gone', async () => {
    tree.write('a.prom', 'a one\n');
    for (let scrape = 0; scrape < 3; scrape += 1) await collect();
    expect(lines).toHaveLength(1);
    tree.write('new', 'a 1\n');
    renameSync(join(tree.path, 'new'), join(tree.path, 'a.prom'));
    expect(await served()).toEqual({ a: 1, node_textfile_scrape_error: 0 });
    expect(lines.map(({ message }) => message)).toEqual([
      'textfile rejected',
      'textfile is valid again or removed',
    ]);
    tree.delete('a.prom');
    expect(await served()).toEqual({ node_textfile_scrape_error: 0 });
  });

  it('returns the same samples while no file changes', async () => {
    tree.write('a.prom', 'a 1\n');
    const first = await collect();
    expect(await collect()).toBe(first);
    tree.write('b.prom', 'b 1\n');
    expect(await collect()).not.toBe(first);
  });

  it('accepts another type or another help at the next reading', async () => {
    tree.write('a.prom', '# HELP a x\n# TYPE a gauge\na 1\n');
    await collect();
    tree.write('a.prom', '# HELP a another help\n# TYPE a gauge\na 22\n');
    expect((await collect())[0]).toMatchObject({ family: { help: 'another help' }, value: 22 });
    tree.write('a.prom', '# TYPE a counter\na 333\n');
    expect((await collect())[0]).toMatchObject({ family: { type: 'counter' }, value: 333 });
    expect(lines).toEqual([]);
  });
});

describe('the directories of textfile', () => {
  it('are found by patterns, and so is a single file', async () => {
    for (const folder of ['x1/in', 'x2/in', 'y1/in', 'x1/out', '[z]/in'])
      tree.write(`${folder}/a.prom`, `${folder.replace(/\W/g, '_')} 1\n`);
    const found = async (...patterns: string[]) => {
      use(...patterns.map((pattern) => join(tree.path, pattern)));
      return Object.keys(await served()).filter((name) => !name.startsWith('node_'));
    };
    expect(await found('x?/in')).toEqual(['x1_in', 'x2_in']);
    expect(await found('[xy]1/*', 'x1/in')).toEqual(['x1_in', 'x1_out', 'y1_in']);
    expect(await found('[^x]*/in')).toEqual(['_z__in', 'y1_in']);
    expect(await found('y1/in/a.prom')).toEqual(['y1_in']);
  });

  it('are reported where they cannot be read, and the others are served', async () => {
    tree.write('a/a.prom', 'a 1\n');
    use(join(tree.path, 'a'), join(tree.path, 'none'), join(tree.path, 'x*'));
    expect(await served()).toEqual({ a: 1, node_textfile_scrape_error: 1 });
    expect(rejected()).toEqual([
      expect.stringMatching(/^none: ENOENT/),
      expect.stringMatching(/^x\*: ENOENT/),
    ]);
    await collect();
    expect(rejected()).toHaveLength(2);
    tree.write('none/b.prom', 'b 1\n');
    tree.write('x1/c.prom', 'c 1\n');
    expect(await served()).toEqual({ a: 1, b: 1, c: 1, node_textfile_scrape_error: 0 });
  });

  it('are read no further when the scrape ends', async () => {
    tree.write('a.prom', 'a 1\n');
    await expect(instance.collect(AbortSignal.abort())).rejects.toThrow(/the scrape ended before/);
  });
});
