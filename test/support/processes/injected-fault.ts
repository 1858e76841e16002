import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NEVER_MS, until } from '../until.ts';

/**
 * JavaScript that runs within Tocsin once it listens, in its folder, where `pipe` is a named pipe to which no one
 * writes. It has `fs`, `threads` (node:worker_threads) and `under`, to be called just before the fault takes effect:
 * it creates the file `under-way`.
 */
interface Fault {
  /** In the main thread. */
  readonly main?: string;
  /** In the thread of the ledger. */
  readonly ledger?: string;
  /** In the thread of the ledger, before it starts. */
  readonly inLedger?: string;
}

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The test stopped waiting and killed it. */
  readonly gaveUp: boolean;
  readonly stderr: string;
}

const MAIN = new URL('../../../dist/main.js', import.meta.url).pathname;

/** Starts a Tocsin, and waits until it listens and the fault is in effect. */
export async function startWithFault(folder: string, fault: Fault) {
  const at = (name: string) => join(folder, name);
  writeFileSync(at('tocsin.yml'), 'store: { path: ledger.db }\nhost: { enabled: false }\n');
  execFileSync('mkfifo', [at('pipe')]);
  const injected = ['--import', `data:text/javascript,${encodeURIComponent(preload(fault))}`];
  const args = [...injected, MAIN, 'serve', '--config', 'tocsin.yml', '--listen', '127.0.0.1:0'];
  const child = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  /** Sends the signal, if any, and waits until the process has ended. */
  const end = async (sent?: NodeJS.Signals): Promise<Ended> => {
    const state = { gaveUp: false };
    const timer = setTimeout(() => {
      state.gaveUp = child.kill('SIGKILL');
    }, NEVER_MS);
    if (sent !== undefined) child.kill(sent);
    const [code, signal] = await closed;
    clearTimeout(timer);
    return { code, signal, ...state, stderr };
  };
  try {
    await until(() => stdout.includes('"listening"'), { what: 'listening' });
    writeFileSync(at('go'), '');
    await until(() => existsSync(at('under-way')), { what: 'the fault' });
  } catch (error) {
    child.kill('SIGKILL');
    throw new Error(`${String(error)}\n${stdout}${stderr}`, { cause: error });
  }
  return { end };
}

function preload({ main = '', ledger = '', inLedger = '' }: Fault): string {
  return `
    import fs from 'node:fs';
    import threads from 'node:worker_threads';
    const under = () => fs.writeFileSync('under-way', '');
    const onceAsked = (run) => (fs.existsSync('go') ? run() : setTimeout(() => onceAsked(run), 20));
    if (threads.isMainThread) onceAsked(() => { ${main} });
    else if (threads.workerData?.path?.endsWith('ledger.db')) { ${inLedger}; onceAsked(() => { ${ledger} }); }
  `;
}
