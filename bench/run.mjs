// npm run bench [-- NAME [OPTIONS]]: measures beside other programs, in one run, and prints ratios. Writes nothing.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const NAMES = ['scrape', 'storm', 'webhook', 'probes'];

function main([name, ...options]) {
  if (name !== undefined && !NAMES.includes(name)) {
    console.error(
      `bench: unknown benchmark "${name}"; expected one of: ${NAMES.join(', ')}. Example: npm run bench -- scrape`,
    );
    return 2;
  }
  const codes = (name === undefined ? NAMES : [name]).map((each) => {
    console.log(`\n# ${each}\n`);
    return (
      spawnSync(process.execPath, [join(import.meta.dirname, `${each}.mjs`), ...options], {
        stdio: 'inherit',
      }).status ?? 1
    );
  });
  return Math.max(...codes);
}

process.exitCode = main(process.argv.slice(2));
