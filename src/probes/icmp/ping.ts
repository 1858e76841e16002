import { spawn, type ChildProcess } from 'node:child_process';
import { onAbort, type CancelSignal } from '../../domain/cancellation.ts';
import { errorCode } from '../net/error-fields.ts';
import { agentFault, fail, type ProbeFailure } from '../net/failure.ts';
import type { IcmpSettings } from './settings.ts';

export interface PingOutput {
  readonly out: string;
  readonly err: string;
}

export interface PingOptions {
  /** The program, looked up in the usual directories. */
  readonly command: string;
  readonly args: readonly string[];
  readonly signal: CancelSignal;
  /** Called as soon as the process has ended, in whatever way. */
  readonly gone: () => void;
}

/** The usual directories of programs; ping does not get Tocsin's own environment. */
const ENVIRONMENT = {
  LC_ALL: 'C',
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
};
/** The most output of ping on each stream; one reply is a few hundred bytes. */
const MAX_OUTPUT = 16_384;

/** One echo request to one address. ping itself stops after the deadline, in case Tocsin is gone by then. */
export function pingArguments(settings: IcmpSettings, address: string, timeoutMs: number): readonly string[] {
  const { payloadSize, ttl, dontFragment, sourceAddress } = settings;
  const patience = Math.ceil(timeoutMs / 1_000) + 1;
  return [
    ...['-n', '-c', '1', '-W', String(patience), '-s', String(payloadSize)],
    ...(ttl === 0 ? [] : ['-t', String(ttl)]),
    ...(dontFragment ? ['-M', 'do'] : []),
    ...(sourceAddress === undefined ? [] : ['-I', sourceAddress]),
    address,
  ];
}

/**
 * Runs the system's ping, and returns its output.
 * @throws ProbeFailure when it cannot be run, or prints more than `MAX_OUTPUT`: then it is killed. When the signal
 * aborts, it is killed, and the promise rejects.
 */
export function runPing({ command, args, signal, gone }: PingOptions): Promise<PingOutput> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      gone();
      reject(new Error('aborted'));
      return;
    }
    // when no file descriptor is left, it has no streams
    const child: ChildProcess = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: ENVIRONMENT });
    const output = { out: '', err: '' };
    const release = onAbort(signal, () => {
      child.kill('SIGKILL');
      reject(new Error('aborted'));
    });
    const end = (): void => {
      release();
      gone();
    };
    const keep = (stream: 'out' | 'err') => (text: string) => {
      output[stream] += text;
      if (output[stream].length <= MAX_OUTPUT) return;
      output[stream] = '';
      child.stdout?.destroy();
      child.stderr?.destroy();
      child.kill('SIGKILL');
      reject(fail('protocol', `ping printed more than ${MAX_OUTPUT} bytes of replies or errors`));
    };
    child.once('error', (error) => {
      end();
      reject(cannotRun(error, command));
    });
    child.stdout?.setEncoding('utf8').on('data', keep('out'));
    child.stderr?.setEncoding('utf8').on('data', keep('err'));
    child.once('close', () => {
      end();
      resolve(output);
    });
  });
}

const LIMITS: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN']);

function cannotRun(error: unknown, command: string): ProbeFailure {
  const code = errorCode(error);
  if (LIMITS.has(code))
    return agentFault('agent_limit', `This host has no resources left to start ${command} (${code})`);
  if (code === 'ENOENT')
    return agentFault(
      'agent_error',
      `This host has no ${command}: install it (Debian and Ubuntu: apt-get install iputils-ping)`,
    );
  const hint =
    code === 'EPERM' ? ': its file capabilities exceed those of this container; remove them (setcap -r)' : '';
  return agentFault('agent_error', `${command} cannot be started (${code || 'unknown error'})${hint}`);
}
