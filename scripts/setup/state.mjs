import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { filesBelow, readJson } from './files.mjs';

/** Rejects a Node.js older than `range`, which reads `>=20.19`. */
export function checkNode(range, version = process.versions.node) {
  const parts = (text) => text.split('.').map(Number);
  const [wantMajor, wantMinor = 0] = parts(range.replace('>=', ''));
  const [major, minor] = parts(version);
  if (major > wantMajor || (major === wantMajor && minor >= wantMinor)) return;
  throw new Error(
    `this is Node.js ${version}; Tocsin needs ${wantMajor}.${wantMinor} or newer. Install one from https://nodejs.org and start again.`,
  );
}

/** The inputs of the installed packages: the lock file, and the Node.js that native modules are compiled for. */
export function lockHash(root) {
  const { modules } = process.versions;
  return hash([
    ['package-lock.json', readFileSync(join(root, 'package-lock.json'))],
    ['runtime', `${process.platform} ${process.arch} ${modules}`],
  ]);
}

/** The inputs of `dist`: the sources, the compiler and its options. */
export function sourcesHash(root) {
  const files = ['package-lock.json', 'tsconfig.json', 'tsconfig.build.json'].map((name) => join(root, name));
  return hash(
    [...files, ...filesBelow(join(root, 'src'))].map((file) => [relative(root, file), readFileSync(file)]),
  );
}

function hash(entries) {
  const digest = createHash('sha256');
  for (const [name, content] of entries) digest.update(`${name}\0${content.length}\0`).update(content);
  return digest.digest('hex');
}

/**
 * Whether packages that were installed by hand are those of the lock file, with a native module that loads: npm's own
 * record of what it installed is compared with the lock file.
 */
export function installedPackagesFit(root) {
  const wanted = readJson(join(root, 'package-lock.json'))?.packages;
  const installed = readJson(join(root, 'node_modules/.package-lock.json'))?.packages;
  if (wanted === undefined || installed === undefined) return false;
  const fits = Object.entries(wanted).every(
    ([path, entry]) =>
      path === '' ||
      (installed[path] === undefined ? entry.optional === true : installed[path].version === entry.version),
  );
  const load = 'new (require("better-sqlite3"))(":memory:").close()';
  return fits && spawnSync(process.execPath, ['-e', load], { cwd: root, stdio: 'ignore' }).status === 0;
}
