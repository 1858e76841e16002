#!/usr/bin/env node
import { write } from 'node:fs';
import { Socket } from 'node:net';
import { hostname } from 'node:os';
import type { Worker } from 'node:worker_threads';

/** More than an orderly stop takes: whoever sent the signal waits for this process to end. */
const FORCED_END_MS = 20_000;
/** Anything that keeps the process alive after everything was stopped may do so no longer than this. */
const LEFTOVERS_MS = 2_000;
/** How long writing the last line of the log may take. */
const LAST_LINE_MS = 200;
const STDERR = 2;
/** A blocked system call is one of these resources; `process.exit` would wait for it, too. */
const BLOCKED_CALL = /^(FSReq|FileHandle|DirHandle|GetAddrInfo|GetNameInfo)/;

const stop = new AbortController();
/** `requested`: a SIGHUP arrived before anything could be reloaded; it must neither end the process nor be lost. */
const reloading: { requested: boolean; reload?: () => void } = { requested: false };

// before anything else is loaded: a signal during the start must find its handler
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, stopOrdered);
process.on('SIGHUP', () => {
  if (reloading.reload === undefined) reloading.requested = true;
  else reloading.reload();
});
const threadsEnd = followThreads();
// no stack trace when the reader closes the pipe (`tocsin check | head`)
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);
for (const output of [process.stdout, process.stderr]) dontWaitForTerminal(output);
// an unhandled rejection is a bug: it is reported, and the process continues
process.on('unhandledRejection', (reason) => {
  const error = reason instanceof Error ? (reason.stack ?? reason.message) : String(reason);
  process.stderr.write(`${JSON.stringify({ level: 'error', error, msg: 'unhandled promise rejection' })}\n`);
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
if (!(await threadsEnd())) endNow('a thread is in a system call that does not return');
setTimeout(() => {
  const call = process.getActiveResourcesInfo().find((name) => BLOCKED_CALL.test(name));
  if (call === undefined) process.exit();
  else endNow(`a system call does not return (${call})`);
}, LEFTOVERS_MS).unref();

function stopOrdered(): void {
  if (stop.signal.aborted) return;
  setTimeout(() => endNow('the shutdown takes longer than 20 seconds'), FORCED_END_MS).unref();
  stop.abort();
}

/**
 * Node waits at exit for every thread, forever where one is blocked in a system call, and lists them nowhere. The
 * returned function ends them, and reports whether all have ended within `LEFTOVERS_MS`.
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

/** `process.exit` waits for threads that are blocked in a system call; nothing can delay SIGKILL. */
function endNow(reason: string): void {
  const time = new Date().toISOString();
  const line = `${JSON.stringify({ level: 'fatal', time, reason, msg: 'killing the process with SIGKILL' })}\n`;
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), LAST_LINE_MS);
  // a file may be on the disk that does not respond: Node would write to it synchronously, and block
  if (process.stderr instanceof Socket) process.stderr.write(line);
  else write(STDERR, line, () => undefined);
}

/** Node writes to a terminal synchronously, which blocks forever where its output is stopped (Ctrl-S). */
function dontWaitForTerminal(output: NodeJS.WriteStream): void {
  const { _handle: handle } = output as { _handle?: { setBlocking?: (blocking: boolean) => unknown } };
  if (output.isTTY) handle?.setBlocking?.(false);
}
