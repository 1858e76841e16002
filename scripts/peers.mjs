// Fetches the real servers that the tests run against, as Debian packages, into .cache/peers: downloaded and unpacked,
// never installed. `node scripts/peers.mjs` runs it by hand. Uses only Node's own modules; writes to stderr.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { aptAvailable, openArchive } from './peers/apt.mjs';
import { installPackages } from './peers/install.mjs';
import { run } from './peers/run.mjs';
import { readJson, writeJson } from './setup/files.mjs';
import { acquireLock } from './setup/lock.mjs';

const root = join(import.meta.dirname, '..');
const peersFolder = join(root, '.cache', 'peers');

/**
 * The newest versions that Debian builds, and the oldest supported ones, from Debian 12. `check` must succeed for a
 * peer to count.
 */
const PEERS = [
  { name: 'prometheus', suite: 'forky', package: 'prometheus', check: 'prometheus' },
  { name: 'promtool', suite: 'forky', package: 'promtool', check: 'promtool' },
  {
    name: 'alertmanager',
    suite: 'forky',
    package: 'prometheus-alertmanager',
    check: 'prometheus-alertmanager',
  },
  {
    name: 'blackbox_exporter',
    suite: 'forky',
    package: 'prometheus-blackbox-exporter',
    check: 'prometheus-blackbox-exporter',
  },
  {
    name: 'node_exporter',
    suite: 'forky',
    package: 'prometheus-node-exporter',
    check: 'prometheus-node-exporter',
  },
  { name: 'prometheus-old', suite: 'bookworm', package: 'prometheus', check: 'prometheus' },
  {
    name: 'alertmanager-old',
    suite: 'bookworm',
    package: 'prometheus-alertmanager',
    check: 'prometheus-alertmanager',
  },
];

/** Packages that need more than their own files (users, capabilities): installed where that is allowed. */
const INSTALLED = [
  { package: 'redis-server', command: 'redis-server' },
  { package: 'iputils-ping', command: 'ping' },
];

const stampOf = ({ name }) => join(peersFolder, name, 'stamp.json');

function isReady(peer) {
  const stamp = readJson(stampOf(peer));
  return stamp?.suite === peer.suite && stamp?.package === peer.package;
}

/**
 * Prepares the peers that are available on this machine; returns quickly when they are ready.
 * @returns what is missing: names of peers and packages that are neither installed, unpacked nor on PATH
 */
export async function preparePeers({ log }) {
  const missing = [];
  if (!PEERS.every(isReady)) {
    const lock = await acquireLock(join(root, '.cache', 'peers.lock'), log);
    try {
      missing.push(
        ...(await fetchPeers(
          PEERS.filter((peer) => !isReady(peer)),
          log,
        )),
      );
    } finally {
      lock.release();
    }
  }
  missing.push(...(await ensureInstalled(INSTALLED, { log })));
  return { missing };
}

/**
 * Installs packages whose command is missing, without starting their services. Returns those that are still missing.
 */
export async function ensureInstalled(packages, { log }) {
  const absent = packages.filter(({ command }) => !onPath(command));
  if (absent.length === 0) return [];
  const names = absent.map((each) => each.package);
  try {
    await installPackages(names, { log });
  } catch (error) {
    log(`${names.join(', ')} cannot be installed: ${error.message}`);
  }
  return absent.filter(({ command }) => !onPath(command)).map((each) => each.package);
}

async function fetchPeers(peers, log) {
  if (!(await aptAvailable())) {
    log('this machine has no apt-get and dpkg: peers must be on PATH');
    return peers.map(({ name }) => name).filter((name) => !onPath(...commandsOf(name)));
  }
  removeRemains();
  const missing = [];
  for (const suite of new Set(peers.map((peer) => peer.suite))) {
    const ofSuite = peers.filter((peer) => peer.suite === suite);
    try {
      await fetchSuite(suite, ofSuite, log);
    } catch (error) {
      log(error.message);
    }
    missing.push(...ofSuite.filter((peer) => !isReady(peer) && !onPath(...commandsOf(peer.name))));
  }
  return missing.map(({ name }) => name);
}

async function fetchSuite(suite, peers, log) {
  const folder = mkdtempSync(join(peersFolder, '.fetch-'));
  try {
    log(`reading the package list of Debian ${suite}`);
    const archive = await openArchive(folder, suite);
    for (const peer of peers) {
      log(`fetching ${peer.package} from ${suite}`);
      await unpack(peer, await archive.download(peer.package), folder);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Unpacks to another folder and renames it, so that a peer is never incomplete. */
async function unpack(peer, file, folder) {
  const fresh = join(folder, peer.name);
  await run('dpkg', ['-x', file, fresh]);
  const version = await run(join(fresh, 'usr/bin', peer.check), ['--version']);
  // Web pages and manuals in many languages: not needed by tests.
  rmSync(join(fresh, 'usr/share/doc'), { recursive: true, force: true });
  rmSync(join(fresh, 'usr/share/man'), { recursive: true, force: true });
  const { suite, package: name } = peer;
  writeJson(join(fresh, 'stamp.json'), { suite, package: name, version: version.split('\n')[0] });
  const place = join(peersFolder, peer.name);
  rmSync(place, { recursive: true, force: true });
  renameSync(fresh, place);
}

/** The command of a peer under its upstream and its Debian name; old versions are not taken from PATH. */
function commandsOf(name) {
  return name.endsWith('-old') ? [] : [name, `prometheus-${name.replace('_', '-')}`];
}

function onPath(...commands) {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin'].filter(
    (folder) => folder !== '',
  );
  return commands.some((command) => folders.some((folder) => existsSync(join(folder, command))));
}

/** Removes what killed fetches left behind. */
function removeRemains() {
  mkdirSync(peersFolder, { recursive: true });
  for (const name of readdirSync(peersFolder)) {
    if (name.startsWith('.fetch-')) rmSync(join(peersFolder, name), { recursive: true, force: true });
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { missing } = await preparePeers({ log: (text) => process.stderr.write(`peers: ${text}\n`) });
  if (missing.length > 0) {
    process.stderr.write(`peers: NOT AVAILABLE HERE: ${missing.join(', ')}\n`);
    process.exitCode = 1;
  }
}
