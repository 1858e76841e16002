import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

const ROOT = join(import.meta.dirname, '..', '..');

// Stands in for npm: `npm ci` writes what it would install, including a substitute for tsc.
const NPM = `#!/usr/bin/env node
const { appendFileSync, existsSync, mkdirSync, rmSync, watch, writeFileSync } = require('node:fs');
appendFileSync('calls', 'npm ' + process.argv.slice(2).join(' ') + '\\n');
rmSync('node_modules', { recursive: true, force: true });
if (existsSync('broken')) { console.log('npm error gyp ERR! no compiler'); process.exit(1); }
const finish = () => {
  mkdirSync('node_modules/typescript/bin', { recursive: true });
  writeFileSync('node_modules/typescript/bin/tsc', COMPILER);
  writeFileSync('node_modules/.package-lock.json', '{}');
};
const COMPILER = \`
const { appendFileSync, cpSync, readFileSync, existsSync } = require('node:fs');
appendFileSync('calls', 'tsc\\\\n');
const text = readFileSync('src/main.ts', 'utf8');
if (text.includes('mistake')) { console.log('src/main.ts(1,1): error TS1000'); process.exit(2); }
cpSync('src/main.ts', process.argv[process.argv.indexOf('--outDir') + 1] + '/main.js');
\`;
if (existsSync('hold')) {
  const watcher = watch('.', () => { if (!existsSync('hold')) { watcher.close(); finish(); } });
  writeFileSync('held', '');
} else finish();
`;

let project: string;
const children = new Set<ChildProcess>();

beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'tocsin-setup-'));
  cpSync(join(ROOT, 'scripts'), join(project, 'scripts'), { recursive: true });
  mkdirSync(join(project, 'src'));
  mkdirSync(join(project, 'bin'));
  writeFileSync(join(project, 'bin/npm'), NPM);
  chmodSync(join(project, 'bin/npm'), 0o755);
  writeFileSync(join(project, 'src/main.ts'), '// first');
  writeFileSync(join(project, 'package.json'), '{"engines":{"node":">=20.19"}}');
  writeFileSync(join(project, 'package-lock.json'), '{"packages":{"node_modules/a":{"version":"1.0.0"}}}');
  for (const name of ['tsconfig.json', 'tsconfig.build.json']) writeFileSync(join(project, name), '{}');
});

afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  children.clear();
  rmSync(project, { recursive: true, force: true });
});

function start(): ChildProcess {
  const env = { PATH: `${join(project, 'bin')}:${process.env['PATH'] ?? ''}` };
  const child = spawn(process.execPath, ['scripts/setup.mjs'], {
    cwd: project,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.add(child);
  return child;
}

interface Ending {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function finished(child: ChildProcess): Promise<Ending> {
  const text = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.on('data', (chunk: Buffer) => {
      text[name] += chunk.toString();
    });
  }
  const [code] = (await once(child, 'close')) as [number | null];
  children.delete(child);
  return { code, ...text };
}

const setUp = (): Promise<Ending> => finished(start());

function calls(): string[] {
  const file = join(project, 'calls');
  if (!existsSync(file)) return [];
  const names = readFileSync(file, 'utf8').trimEnd().split('\n');
  rmSync(file);
  return names.map((line) => line.split(' ')[0] ?? '');
}

async function appears(name: string): Promise<void> {
  const watcher = watch(project);
  while (!existsSync(join(project, name))) await once(watcher, 'change');
  watcher.close();
}

async function saying(child: ChildProcess, expected: string): Promise<void> {
  let text = '';
  while (!text.includes(expected)) {
    const [chunk] = (await once(child.stderr ?? child, 'data')) as [Buffer];
    text += chunk.toString();
  }
}

describe('setup', () => {
  it('installs and builds on a fresh clone, and keeps stdout for the server', async () => {
    const { code, stdout } = await setUp();
    expect({ code, stdout, calls: calls() }).toEqual({ code: 0, stdout: '', calls: ['npm', 'tsc'] });
    expect(readFileSync(join(project, 'dist/main.js'), 'utf8')).toBe('// first');
  });

  it('does and prints nothing when nothing changed', async () => {
    await setUp();
    calls();
    const { code, stderr } = await setUp();
    expect({ code, stderr, calls: calls() }).toEqual({ code: 0, stderr: '', calls: [] });
  });

  it('only builds when a source changed, and leaves no file of the previous build', async () => {
    await setUp();
    calls();
    writeFileSync(join(project, 'dist/removed.js'), '');
    writeFileSync(join(project, 'src/main.ts'), '// second');
    await setUp();
    expect(calls()).toEqual(['tsc']);
    expect(readFileSync(join(project, 'dist/main.js'), 'utf8')).toBe('// second');
    expect(existsSync(join(project, 'dist/removed.js'))).toBe(false);
  });

  it('installs again when the lock file changed or node_modules is gone', async () => {
    await setUp();
    calls();
    appendFileSync(join(project, 'package-lock.json'), '\n');
    await setUp();
    expect(calls()).toEqual(['npm', 'tsc']);
    rmSync(join(project, 'node_modules'), { recursive: true });
    await setUp();
    expect(calls()).toEqual(['npm', 'tsc']);
  });

  it('prints the end of the output of npm, and what to do, when it fails; the next start retries', async () => {
    writeFileSync(join(project, 'broken'), '');
    const { code, stderr } = await setUp();
    expect(code).toBe(1);
    expect(stderr).toContain('gyp ERR! no compiler');
    expect(stderr).toContain('build-essential');
    expect(stderr).not.toContain('    at ');
    rmSync(join(project, 'broken'));
    calls();
    expect((await setUp()).code).toBe(0);
    expect(calls()).toEqual(['npm', 'tsc']);
  });

  it('keeps the last build when the compiler refuses the sources', async () => {
    await setUp();
    writeFileSync(join(project, 'src/main.ts'), 'mistake');
    const { code, stderr } = await setUp();
    expect(code).toBe(1);
    expect(stderr).toContain('error TS1000');
    expect(readFileSync(join(project, 'dist/main.js'), 'utf8')).toBe('// first');
  });

  it('refuses an old Node.js before anything else', async () => {
    writeFileSync(join(project, 'package.json'), '{"engines":{"node":">=99.1"}}');
    const { code, stderr } = await setUp();
    expect({ code, calls: calls() }).toEqual({ code: 1, calls: [] });
    expect(stderr).toContain(`this is Node.js ${process.versions.node}; Tocsin needs 99.1 or newer`);
  });
});

describe('two setups at once', () => {
  it('install once: the second waits for the first', async () => {
    writeFileSync(join(project, 'hold'), '');
    const first = finished(start());
    await appears('held');
    const second = start();
    // observed from the start: it may end before the first does
    const secondEnds = finished(second);
    await saying(second, 'another setup is running');
    rmSync(join(project, 'hold'));
    expect([(await first).code, (await secondEnds).code]).toEqual([0, 0]);
    expect(calls()).toEqual(['npm', 'tsc']);
  });

  it('recover from a killed one: the second waits for its npm, then does everything again', async () => {
    writeFileSync(join(project, 'hold'), '');
    const first = start();
    const ending = finished(first);
    await appears('held');
    first.kill('SIGKILL');
    await ending;
    const second = start();
    const secondEnds = finished(second);
    await saying(second, 'another setup is running');
    rmSync(join(project, 'hold'));
    expect((await secondEnds).code).toBe(0);
    expect(calls()).toEqual(['npm', 'npm', 'tsc']);
    expect(existsSync(join(project, '.cache/setup.lock'))).toBe(false);
  });

  it('stop the installation and free the lock on SIGTERM', async () => {
    writeFileSync(join(project, 'hold'), '');
    const first = start();
    const ending = finished(first);
    await appears('held');
    first.kill('SIGTERM');
    expect((await ending).code).toBe(143);
    expect(existsSync(join(project, '.cache/setup.lock'))).toBe(false);
  });
});
