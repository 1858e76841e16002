import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from '@jest/globals';

/**
 * `describe` for suites that mount a file system of their own. Where that is not permitted, the suite is left out with
 * a message on stderr.
 */
export function describeWithMounts(title: string, body: () => void): void {
  const problem = mountProblem();
  describe(title, () => {
    if (problem === undefined) body();
    else
      it(`is LEFT OUT: ${problem}`, () => {
        process.stderr.write(`${title}: LEFT OUT: ${problem}\n`);
      });
  });
}

function mountProblem(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-mount-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder], { stdio: 'pipe' });
    execFileSync('umount', [folder], { stdio: 'pipe' });
    return undefined;
  } catch {
    return 'this user may not mount';
  } finally {
    rmSync(folder, { recursive: true });
  }
}
