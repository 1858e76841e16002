#!/usr/bin/env node
import { hostname } from 'node:os';
import { run } from './cli/run.ts';

const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop.abort());
// before there is something to reload, SIGHUP must not end the process silently half-way through a start
process.on('SIGHUP', () => undefined);
// a reader that went away (`tocsin check | head`) is no reason for a stack trace
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);
// a rejection that nobody handles is a bug: it is told, and the rest goes on
process.on('unhandledRejection', (reason) => {
  const error = reason instanceof Error ? (reason.stack ?? reason.message) : String(reason);
  process.stderr.write(
    `${JSON.stringify({ level: 'error', error, msg: 'a promise was rejected and nobody handled it' })}\n`,
  );
});

process.exitCode = await run({
  argv: process.argv.slice(2),
  env: process.env,
  cwd: process.cwd(),
  hostname: hostname(),
  nodeVersion: process.version,
  terminal: process.stdout.isTTY,
  stdout: (text) => process.stdout.write(text),
  stderr: (text) => process.stderr.write(text),
  signal: stop.signal,
  onReload: (reload) => void process.on('SIGHUP', reload),
  codeUrl: new URL('./', import.meta.url),
});
// whatever still holds the process after everything was stopped may not hold it long
setTimeout(() => process.exit(), 2_000).unref();
