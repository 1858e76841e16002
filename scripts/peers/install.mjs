import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { run } from './run.mjs';

const POLICY = '/usr/sbin/policy-rc.d';

/** Installs Debian packages for tests, without starting their services. Needs root. */
export async function installPackages(names, { log }) {
  if (process.getuid?.() !== 0) throw new Error(`this needs root: apt-get install ${names.join(' ')}`);
  log(`installing ${names.join(', ')} (apt-get install, services not started)`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1', LC_ALL: 'C' };
  const install = ['install', '-y', '-qq', '--no-install-recommends', ...names];
  await withoutServices(async () => {
    try {
      await run('apt-get', install, { env });
    } catch {
      // The lists may be missing or old: update them before the packages count as missing.
      await run('apt-get', ['update', '-qq'], { env });
      await run('apt-get', install, { env });
    }
  });
}

/**
 * Prevents services from starting meanwhile, unless the machine has a policy already: exit code 101 is "action forbidden
 * by policy".
 */
async function withoutServices(install) {
  const ours = !existsSync(POLICY);
  if (ours) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    await install();
  } finally {
    if (ours) rmSync(POLICY, { force: true });
  }
}
