import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { archiveSources, parseDeb822, parseOneLine, sourceText } from './sources.mjs';
import { run } from './run.mjs';

/** Whether this machine has what is needed to fetch and unpack Debian packages. */
export async function aptAvailable() {
  try {
    await run('apt-get', ['--version']);
    await run('dpkg', ['--version']);
    return true;
  } catch {
    return false;
  }
}

/**
 * Opens a suite of the archive that the machine itself uses, with separate lists, cache and configuration below
 * `folder`: nothing of the machine's changes.
 * @returns `{ download(name) }`, which resolves to the path of the package's file
 */
export async function openArchive(folder, suite) {
  const codename = /^VERSION_CODENAME="?([\w-]+)"?$/m.exec(readIfThere('/etc/os-release'))?.[1] ?? '';
  const sources = archiveSources(readSources(), codename);
  if (sources.length === 0) {
    throw new Error(
      `no package source of ${codename || 'this release'} with component main is configured, so Debian ${suite} cannot be reached`,
    );
  }
  const problems = [];
  for (const [i, source] of sources.entries()) {
    try {
      return await open(join(folder, `apt-${suite}-${i}`), sourceText(source, suite));
    } catch (error) {
      problems.push(error.message);
    }
  }
  throw new Error(`Debian ${suite} cannot be reached: ${problems.join('; ')}`);
}

async function open(folder, source) {
  for (const path of ['sources', 'state/lists/partial', 'cache/archives/partial', 'packages']) {
    mkdirSync(join(folder, path), { recursive: true });
  }
  writeFileSync(join(folder, 'sources/peers.sources'), source);
  writeFileSync(join(folder, 'state/status'), '');
  writeFileSync(join(folder, 'apt.conf'), await configuration(folder));
  const env = { ...process.env, APT_CONFIG: join(folder, 'apt.conf'), LC_ALL: 'C' };
  await run('apt-get', ['update', '--error-on=any'], { env });
  return { download: (name) => download(name, folder, env) };
}

/** How the machine reaches its archive (proxies and the like), without its hooks, which would change it. */
async function configuration(folder) {
  const access = await run('apt-config', ['dump', 'Acquire']);
  const own = {
    'Dir::State': join(folder, 'state'),
    'Dir::State::status': join(folder, 'state/status'),
    'Dir::Cache': join(folder, 'cache'),
    'Dir::Etc::sourcelist': '/dev/null',
    'Dir::Etc::sourceparts': join(folder, 'sources'),
    'Dir::Etc::main': '/dev/null',
    'Dir::Etc::parts': '/dev/null',
    'Dir::Etc::preferences': '/dev/null',
    'Dir::Etc::preferencesparts': '/dev/null',
    // Lists are in a folder of ours, where APT's own user may not write.
    'APT::Sandbox::User': process.getuid?.() === 0 ? 'root' : '',
    'Acquire::Languages': 'none',
    // Without a network, tests should start without these servers rather than wait.
    'Acquire::http::Timeout': '20',
    'Acquire::https::Timeout': '20',
  };
  return `${access}\n${Object.entries(own)
    .map(([name, value]) => `${name} "${value}";`)
    .join('\n')}\n`;
}

async function download(name, folder, env) {
  const packages = join(folder, 'packages');
  await run('apt-get', ['download', name], { env, cwd: packages });
  const file = readdirSync(packages).find((each) => each.startsWith(`${name}_`) && each.endsWith('.deb'));
  if (file === undefined) throw new Error(`apt-get download ${name} produced no file`);
  return join(packages, file);
}

function readSources() {
  const folder = '/etc/apt/sources.list.d';
  const names = listIfThere(folder).sort();
  const read = (ending, parse) =>
    names.filter((name) => name.endsWith(ending)).flatMap((name) => parse(readIfThere(join(folder, name))));
  return [
    ...parseOneLine(readIfThere('/etc/apt/sources.list')),
    ...read('.list', parseOneLine),
    ...read('.sources', parseDeb822),
  ];
}

function listIfThere(folder) {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function readIfThere(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
