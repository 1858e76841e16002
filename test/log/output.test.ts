import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createOutput } from '../../src/log/output.ts';
import { temporaryFolder } from '../support/processes/tocsin.ts';

const line = (i: number) => `${JSON.stringify({ level: 'info', i })}\n`;
const parsed = (text: string) =>
  text
    .split('\n')
    .filter((one) => one !== '')
    .map((one) => JSON.parse(one) as { i?: number; lines?: number; level: string });

/** A reader that reads nothing until requested. */
function stoppable() {
  let taken = '';
  let pending: (() => void) | undefined;
  let stopped = true;
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      taken += chunk.toString();
      if (stopped) pending = done;
      else done();
    },
  });
  const go = () => {
    stopped = false;
    const done = pending;
    pending = undefined;
    done?.();
  };
  const stop = () => {
    stopped = true;
  };
  return { stream, text: () => taken, go, stop };
}

describe('the output of the log', () => {
  it('keeps every line while its reader keeps up, in order', () => {
    const reader = stoppable();
    reader.go();
    let dropped = 0;
    const output = createOutput({ stream: reader.stream, onDropped: () => (dropped += 1) });
    for (let i = 0; i < 10_000; i++) output.write(line(i));
    expect(parsed(reader.text()).map(({ i }) => i)).toEqual(Array.from({ length: 10_000 }, (_, i) => i));
    expect(dropped).toBe(0);
  });

  it('drops lines when its reader stops, counts them and reports them when the reader continues', async () => {
    const reader = stoppable();
    let dropped = 0;
    const output = createOutput({
      stream: reader.stream,
      onDropped: () => (dropped += 1),
      maxWaiting: 1_000,
    });
    for (let i = 0; i < 500; i++) output.write(line(i));
    expect(dropped).toBeGreaterThan(400);
    expect(reader.stream.writableLength).toBeLessThanOrEqual(1_000);
    reader.go();
    await new Promise((resolve) => setImmediate(resolve));
    const lines = parsed(reader.text());
    expect(lines.at(-1)).toMatchObject({ level: 'warn', lines: dropped });
    output.write(line(500));
    expect(parsed(reader.text()).at(-1)).toMatchObject({ i: 500 });
  });

  it('accounts for every line, whatever its reader does: written once, or counted as dropped', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(fc.constantFrom('go' as const, 'stop' as const), fc.integer({ min: 1, max: 60 })), {
          maxLength: 30,
        }),
        async (steps) => {
          const reader = stoppable();
          let [dropped, written] = [0, 0];
          const output = createOutput({
            stream: reader.stream,
            onDropped: () => (dropped += 1),
            maxWaiting: 500,
          });
          for (const step of steps) {
            if (step === 'go') reader.go();
            else if (step === 'stop') reader.stop();
            else for (let i = 0; i < step; i++) output.write(line(written++));
            await new Promise((resolve) => setImmediate(resolve));
          }
          reader.go();
          await new Promise((resolve) => setImmediate(resolve));
          const lines = parsed(reader.text());
          const numbers = lines.flatMap(({ i }) => (i === undefined ? [] : [i]));
          expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
          expect(numbers.length + dropped).toBe(written);
          expect(lines.reduce((sum, { lines: lost = 0 }) => sum + lost, 0)).toBe(dropped);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('survives a file that cannot be written', () => {
    // every write to it fails with ENOSPC
    const full = openSync('/dev/full', 'w');
    let dropped = 0;
    const stream = Object.assign(new PassThrough(), { fd: full });
    const output = createOutput({ stream, onDropped: () => (dropped += 1) });
    for (let i = 0; i < 3; i++) output.write(line(i));
    closeSync(full);
    expect(dropped).toBe(3);
  });

  it('writes to a file at once, and through a formatter', async () => {
    await using folder = temporaryFolder();
    const path = join(folder.path, 'log');
    const fd = openSync(path, 'w');
    const stream = Object.assign(new PassThrough(), { fd });
    const output = createOutput({ stream, onDropped: () => undefined, format: (text) => `> ${text}` });
    output.write(line(1));
    expect(readFileSync(path, 'utf8')).toBe(`> ${line(1)}`);
    closeSync(fd);
  });
});
