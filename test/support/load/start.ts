import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface LoadTargets extends AsyncDisposable {
  readonly pid: number;
  readonly http: number;
  readonly tcp: number;
}

/** Starts the servers of targets.mjs. */
export async function startLoadTargets(): Promise<LoadTargets> {
  const program = fileURLToPath(new URL('./targets.mjs', import.meta.url));
  const child = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const [chunk] = (await once(child.stdout, 'data')) as [Buffer];
  const [, http, tcp] = /^ready (\d+) (\d+)/.exec(chunk.toString()) ?? [];
  return {
    pid: child.pid ?? -1,
    http: Number(http),
    tcp: Number(tcp),
    [Symbol.asyncDispose]: async () => {
      child.stdin.end();
      await ended;
    },
  };
}
