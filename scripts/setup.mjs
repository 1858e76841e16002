// Makes a fresh clone ready to run: checks Node, installs packages, compiles the sources; with --test, fetches the real
// servers that tests run against. Returns quickly when nothing changed. Uses only Node's own modules, because it runs
// before anything is installed. Writes to stderr: stdout belongs to the program that is started afterwards.
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { checkNode, installedPackagesFit, lockHash, sourcesHash } from './setup/state.mjs';
import { readJson, writeJson } from './setup/files.mjs';
import { acquireLock } from './setup/lock.mjs';
import { runQuietly } from './setup/run.mjs';

const root = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '..');
const cache = join(root, '.cache');
const stampFile = join(cache, 'setup.json');
const say = (text) => process.stderr.write(`setup: ${text}\n`);

/** What the last complete set-up installed and built: `{ lock, sources }`, both hashes. */
const readStamp = () => readJson(stampFile) ?? {};

function wanted() {
  return { lock: lockHash(root), sources: sourcesHash(root) };
}

function pending(stamp, want) {
  return {
    install: stamp.lock !== want.lock || !existsSync(join(root, 'node_modules/.package-lock.json')),
    build: stamp.sources !== want.sources || !existsSync(join(root, 'dist/main.js')),
  };
}

async function install(lock, want) {
  if (readStamp().lock === undefined && installedPackagesFit(root)) return;
  say(
    'installing packages (npm ci); where better-sqlite3 has no ready binary it is compiled, which takes minutes',
  );
  writeJson(stampFile, {});
  await runQuietly({
    lock,
    cwd: root,
    command: 'npm',
    args: ['ci', '--include=dev', '--no-audit', '--no-fund'],
    advice: [
      'Is the package registry reachable from here (`npm ping`)?',
      'Where better-sqlite3 has no ready binary, a C++ compiler, make and Python 3 are needed (Debian: build-essential python3).',
      'When package.json and package-lock.json disagree, run `npm install` and commit the lock file.',
    ],
  });
  writeJson(stampFile, { lock: want.lock });
}

/**
 * Compiles to another folder and renames it, so that a killed build leaves nothing incomplete and a running server sees
 * no gap.
 */
async function build(lock, want) {
  say('building');
  const fresh = join(cache, 'dist.new');
  const old = join(cache, 'dist.old');
  const dist = join(root, 'dist');
  rmSync(fresh, { recursive: true, force: true });
  rmSync(old, { recursive: true, force: true });
  await runQuietly({
    lock,
    cwd: root,
    command: process.execPath,
    args: [
      'node_modules/typescript/bin/tsc',
      '-p',
      'tsconfig.build.json',
      '--noEmitOnError',
      '--outDir',
      fresh,
    ],
    advice: ['The TypeScript compiler reported errors: fix the errors above and start again.'],
  });
  if (existsSync(dist)) renameSync(dist, old);
  renameSync(fresh, dist);
  rmSync(old, { recursive: true, force: true });
  writeJson(stampFile, { lock: want.lock, sources: want.sources });
}

async function installAndBuild() {
  const first = pending(readStamp(), wanted());
  if (!first.install && !first.build) return;
  const started = Date.now();
  const lock = await acquireLock(join(cache, 'setup.lock'), say);
  try {
    // Another set-up may have done the work while this one waited.
    const want = wanted();
    const todo = pending(readStamp(), want);
    if (todo.install) await install(lock, want);
    if (todo.install || todo.build) await build(lock, want);
  } finally {
    lock.release();
  }
  say(`ready after ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

async function prepareForTests() {
  const { preparePeers } = await import('./peers.mjs');
  const { missing } = await preparePeers({ log: say });
  if (missing.length === 0) return;
  say(`NOT AVAILABLE HERE: ${missing.join(', ')}. THE TEST SUITES THAT NEED THEM ARE LEFT OUT.`);
  say('They come from the Debian archive (apt-get download), or from PATH when they are installed.');
  if (process.env.CI === 'true') throw new Error('with CI=true every suite must run');
}

async function main() {
  checkNode(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).engines.node);
  await installAndBuild();
  if (process.argv.includes('--test')) await prepareForTests();
}

main().catch((error) => {
  say(error.message);
  process.exitCode = 1;
});
