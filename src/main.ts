#!/usr/bin/env node
import { write } from 'node:fs';
import { Socket } from 'node:net';
import { hostname } from 'node:os';
import type { Worker } from 'node:worker_threads';

/** What an orderly stop may take, and then some: whoever sent the signal waits for this process to end. */
const FORCED_END_MS = 20_000;
/** Whatever still holds the process after everything was stopped may not hold it longer. */
const LEFTOVERS_MS = 2_000;
/** How long the last line of the log may take. */
const LAST_LINE_MS = 200;
const STDERR = 2;
/** A call to the system that does not return holds one of these; `process.exit` would wait for it, too. */
const BLOCKED_CALL = /^(FSReq|FileHandle|DirHandle|GetAddrInfo|GetNameInfo)/;

const stop = new AbortController();
/** `requested` is a SIGHUP that came before there was something to reload: it must neither end the process nor be forgotten. */
const reloading: { requested: boolean; reload?: () => void } = { requested: false };

// before anything else is loaded: a signal during the start must find its handler
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, stopOrdered);
process.on('SIGHUP', () => {
  if (reloading.reload === undefined) reloading.requested = true;
  else reloading.reload();
});
const threadsEnd = followThreads();
// a reader that went away (`tocsin check | head`) is no reason for a stack trace
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);
for (const output of [process.stdout, process.stderr]) dontWaitForTerminal(output);
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
if (!(await threadsEnd())) endNow('a thread is within a call to the system that does not return');
setTimeout(() => {
  const call = process.getActiveResourcesInfo().find((name) => BLOCKED_CALL.test(name));
  if (call === undefined) process.exit();
  else endNow(`a call to the system does not return (${call})`);
}, LEFTOVERS_MS).unref();

function stopOrdered(): void {
  if (stop.signal.aborted) return;
  setTimeout(() => endNow('the stop takes longer than 20 seconds'), FORCED_END_MS).unref();
  stop.abort();
}

/**
 * Node waits at its end for every thread, for ever where one is within a call that does not return, and lists them nowhere.
 * The function that this returns ends them, and says whether all have ended within `LEFTOVERS_MS`.
 */
function followThreads(): () => Promise<boolean> {
  const threads = new Set<Worker>();
  process.on('worker', (thread) => {
    threads.add(thread);
    thread.once('exit', () => threads.delete(thread));
  });
  return async () => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<false>((resolve) => {
      timer = setTimeout(resolve, LEFTOVERS_MS, false);
    });
    const ended = Promise.all([...threads].map((thread) => thread.terminate())).then(() => true);
    const inTime = await Promise.race([ended, late]);
    clearTimeout(timer);
    return inTime;
  };
}

/** `process.exit` waits for threads that are within a call to the system; nothing can wait for this. */
function endNow(reason: string): void {
  const time = new Date().toISOString();
  const line = `${JSON.stringify({ level: 'fatal', time, reason, msg: 'the process ends itself by SIGKILL' })}\n`;
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), LAST_LINE_MS);
  // a file may be on the very disk that does not answer: Node would write to it here and now, and wait
  if (process.stderr instanceof Socket) process.stderr.write(line);
  else write(STDERR, line, () => undefined);
}

/** Node makes writing to a terminal wait, for ever where its output is stopped (Ctrl-S). */
function dontWaitForTerminal(output: NodeJS.WriteStream): void {
  const { _handle: handle } = output as { _handle?: { setBlocking?: (blocking: boolean) => unknown } };
  if (output.isTTY) handle?.setBlocking?.(false);
}
