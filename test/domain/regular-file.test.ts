import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { NotRegularFileError, openRegularFile, readRegularFile } from '../../src/domain/regular-file.ts';
import { temporaryFolder } from '../support/processes/tocsin.ts';

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder[Symbol.asyncDispose]());

/** Things that a path may name, each of which would block a reader or has nothing to read. */
const KINDS: readonly (readonly [string, string, (path: string) => unknown])[] = [
  ['a pipe', 'it is a pipe; expected a regular file', (path) => execFileSync('mkfifo', [path])],
  ['a directory', 'it is a directory; name a file in it', (path) => mkdirSync(path)],
  ['a device', 'it is a device; expected a regular file', (path) => symlinkSync('/dev/zero', path)],
  ['a terminal', 'it is a device; expected a regular file', (path) => symlinkSync('/dev/ptmx', path)],
];

describe('reading a file that a user named', () => {
  it.each(KINDS)('refuses %s at once', async (_, message, make) => {
    const path = join(folder.path, 'given');
    make(path);
    expect(() => readRegularFile(path, 1_000)).toThrow(new NotRegularFileError(message));
    await expect(openRegularFile(path)).rejects.toThrow(message);
    symlinkSync(path, `${path}-link`);
    expect(() => readRegularFile(`${path}-link`, 1_000)).toThrow(message);
  });

  it('refuses a socket at once', async () => {
    const path = join(folder.path, 'given');
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(path, resolve));
    expect(() => readRegularFile(path, 1_000)).toThrow('it is a socket; expected a regular file');
    await new Promise((resolve) => server.close(resolve));
  });

  it('reads every byte of a regular file, up to the limit', () => {
    const path = join(folder.path, 'given');
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 200_000 }), fc.integer({ min: 0, max: 255 }), (size, byte) => {
        const content = Buffer.alloc(size, byte);
        writeFileSync(path, content);
        expect(readRegularFile(path, 200_000).equals(content)).toBe(true);
        if (size > 0)
          expect(() => readRegularFile(path, size - 1)).toThrow(`it has more than ${size - 1} bytes`);
      }),
      { numRuns: 20 },
    );
  });

  it('reads files that report a size of 0', () => {
    expect(readRegularFile('/proc/self/status', 100_000).toString()).toContain('Pid:');
    expect(() => readRegularFile('/proc/self/status', 10)).toThrow('it has more than 10 bytes');
  });

  it('passes on the error of the system for a missing file', () => {
    expect(() => readRegularFile(join(folder.path, 'none'), 10)).toThrow('ENOENT');
  });
});
