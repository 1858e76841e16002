// npm run prove -- NAME: runs test/prove/NAME.ts at full size and writes the results to docs/proof/NAME.md.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { register } from 'node:module';
import { cpus, release, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const folder = import.meta.dirname;
const root = join(folder, '..', '..');

function available() {
  const names = readdirSync(folder).filter((file) => file.endsWith('.ts'));
  return names.map((file) => file.slice(0, -'.ts'.length));
}

function commit() {
  try {
    const run = (...args) =>
      execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    const changed = run('status', '--porcelain', '--', 'src', 'package-lock.json') !== '';
    return `${run('rev-parse', '--short', 'HEAD').trim()}${changed ? ' with changes' : ''}`;
  } catch {
    return 'unknown';
  }
}

function machine() {
  const [first] = cpus();
  const memory = (totalmem() / 2 ** 30).toFixed(1);
  const model = first === undefined ? '' : ` (${first.model.trim()})`;
  return `${cpus().length} cores${model}, ${memory} GiB, ${type()} ${release()}, Node.js ${process.versions.node}`;
}

function page(name, { title, rows, notes = [] }, seconds) {
  const cell = (text) => String(text).replaceAll('|', '\\|').replaceAll('\n', ' ');
  return [
    `# ${title}`,
    '',
    `Measured ${new Date().toISOString().slice(0, 16)}Z by \`npm run prove -- ${name}\` in ${seconds.toFixed(0)} s, commit ${commit()}.`,
    `Machine: ${machine()}.`,
    '',
    '| what | measured |',
    '|---|---|',
    ...rows.map(([label, figure]) => `| ${cell(label)} | ${cell(figure)} |`),
    ...(notes.length === 0 ? [] : ['', ...notes.map((note) => `- ${note}`)]),
    '',
  ].join('\n');
}

async function main([name]) {
  const file = join(folder, `${name}.ts`);
  if (name === undefined || !existsSync(file)) {
    const given = name === undefined ? 'no name given' : `unknown proof "${name}"`;
    console.error(
      `prove: ${given}; expected one of: ${available().join(', ')}. Example: npm run prove -- NAME`,
    );
    return 2;
  }
  if (!process.features.typescript) register('./typescript-loader.mjs', import.meta.url);
  const { prove } = await import(pathToFileURL(file).href);
  const started = performance.now();
  const text = page(name, await prove(), (performance.now() - started) / 1000);
  const target = join(root, 'docs', 'proof');
  mkdirSync(target, { recursive: true });
  writeFileSync(join(target, `${name}.md`), text);
  console.log(text);
  return 0;
}

process.exitCode = await main(process.argv.slice(2));
