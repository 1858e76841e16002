#!/usr/bin/env node
import { hostname } from 'node:os';

/** What an orderly stop may take, and then some: whoever sent the signal waits for this process to end. */
const FORCED_END_MS = 20_000;
/** Whatever still holds the process after everything was stopped may not hold it longer. */
const LEFTOVERS_MS = 2_000;
/** A call to the system that does not return holds one of these; `process.exit` would wait for it, too. */
const BLOCKED_CALL = /^(FSReq|Worker)/;

const stop = new AbortController();
/** `requested` is a SIGHUP that came before there was something to reload: it must neither end the process nor be forgotten. */
const reloading: { requested: boolean; reload?: () => void } = { requested: false };

// before anything else is loaded: a signal during the start must find its handler
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, stopOrdered);
process.on('SIGHUP', () => {
  if (reloading.reload === undefined) reloading.requested = true;
  else reloading.reload();
});
// a reader that went away (`tocsin check | head`) is no reason for a stack trace
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);
dontWaitForTerminal();
// a rejection that nobody handles is a bug: it is told, and the rest goes on
process.on('unhandledRejection', (reason) => {
  const error = reason instanceof Error ? (reason.stack ?? reason.message) : String(reason);
  process.stderr.write(
    `${JSON.stringify({ level: 'error', error, msg: 'a promise was rejected and nobody handled it' })}\n`,
  );
});

const { OutputError } = await import('./cli/output.ts');
const { run } = await import('./cli/run.ts');
process.exitCode = await run({
  argv: process.argv.slice(2),
  env: process.env,
  cwd: process.cwd(),
  hostname: hostname(),
  nodeVersion: process.version,
  terminal: process.stdout.isTTY,
  stdout: (text) =>
    new Promise((resolve, reject) => {
      process.stdout.write(text, (error) => (error ? reject(new OutputError(error)) : resolve()));
    }),
  logStream: process.stdout,
  stderr: (text) => process.stderr.write(text),
  signal: stop.signal,
  onReload: (reload) => {
    reloading.reload = reload;
    if (reloading.requested) reload();
  },
  codeUrl: new URL('./', import.meta.url),
});
setTimeout(() => {
  if (process.getActiveResourcesInfo().some((name) => BLOCKED_CALL.test(name))) endNow();
  else process.exit();
}, LEFTOVERS_MS).unref();

function stopOrdered(): void {
  if (stop.signal.aborted) return;
  setTimeout(endNow, FORCED_END_MS).unref();
  stop.abort();
}

/** `process.exit` waits for threads that are within a call to the system; nothing can wait for this. */
function endNow(): void {
  process.kill(process.pid, 'SIGKILL');
}

/** Node makes writing to a terminal wait, for ever where its output is stopped (Ctrl-S). */
function dontWaitForTerminal(): void {
  const { _handle: handle } = process.stdout as {
    _handle?: { setBlocking?: (blocking: boolean) => unknown };
  };
  if (process.stdout.isTTY) handle?.setBlocking?.(false);
}
