import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startWithFault } from '../support/processes/injected-fault.ts';
import { temporaryFolder } from '../support/processes/tocsin.ts';

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder[Symbol.asyncDispose]());

const thread = (code: string) => `new threads.Worker(${JSON.stringify(code)}, { eval: true })`;
const HANGS = `const fs = require('fs'); fs.writeFileSync('under-way', ''); fs.readFileSync('pipe');`;
const IDLE = `require('fs').writeFileSync('under-way', ''); setInterval(() => undefined, 1_000);`;
const A_THREAD = 'a thread is in a system call that does not return';

describe('SIGTERM', () => {
  it.each([
    ['a thread hangs in a call', { main: thread(HANGS) }, A_THREAD],
    ['such a thread is unreferenced', { main: `${thread(HANGS)}.unref()` }, A_THREAD],
    ['the thread of the ledger hangs', { ledger: `under(); fs.readFileSync('pipe')` }, A_THREAD],
    [
      'a call of the thread pool hangs',
      { main: `under(); fs.readFile('pipe', () => undefined)` },
      'a system call does not return (FSReqCallback)',
    ],
  ])('ends the process where %s, and logs the reason as the last line', async (_, fault, reason) => {
    const tocsin = await startWithFault(folder.path, fault);
    const { stderr, ...end } = await tocsin.end('SIGTERM');
    expect(end).toEqual({ code: null, signal: 'SIGKILL', gaveUp: false });
    expect(JSON.parse(stderr)).toMatchObject({ level: 'fatal', reason });
  });

  it('ends the process in order where a thread only waits', async () => {
    const tocsin = await startWithFault(folder.path, { main: thread(IDLE) });
    expect(await tocsin.end('SIGTERM')).toEqual({ code: 0, signal: null, gaveUp: false, stderr: '' });
  });
});

describe('an event loop that is stuck', () => {
  it('is ended by the thread of the ledger, which logs the reason as the last line', async () => {
    // a second of the thread passes in a tenth of a second, so that the test can wait for sixty of them
    const hurried = `const later = setTimeout;
      globalThis.setTimeout = (run, ms, ...rest) => later(run, ms === 1_000 ? 100 : ms, ...rest);`;
    const tocsin = await startWithFault(folder.path, { main: 'under(); for (;;);', inLedger: hurried });
    const { stderr, ...end } = await tocsin.end();
    expect(end).toEqual({ code: null, signal: 'SIGKILL', gaveUp: false });
    expect(JSON.parse(stderr)).toMatchObject({
      level: 'fatal',
      msg: 'the event loop is stuck; killing the process with SIGKILL',
    });
  });
});
