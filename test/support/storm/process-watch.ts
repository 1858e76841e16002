import { readdirSync, readFileSync } from 'node:fs';
import { until } from '../until.ts';

/** What the kernel reports about a process at one moment. */
export interface ProcessNumbers {
  readonly residentBytes: number;
  readonly sockets: number;
  readonly cpuSeconds: number;
}

/** Reads /proc/PID: the process itself is not involved. */
export function processNumbers(pid: number): ProcessNumbers {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const resident = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? NaN) * 1_024;
  // the fields after the name, which may hold anything: utime and stime are 14 and 15, counted from 1
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  return {
    residentBytes: resident,
    sockets: readdirSync(`/proc/${pid}/fd`).length,
    cpuSeconds: ticks / 100,
  };
}

/** Stops a process, until it is continued by SIGCONT; returns when it has stopped. */
export async function stopProcess(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  await until(() => /^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, 'utf8')), { everyMs: 1 });
}

export interface ProcessWatch {
  /** The maximum of each number so far. */
  peak(): Omit<ProcessNumbers, 'cpuSeconds'>;
  stop(): void;
}

/** Reads the numbers of a process four times a second. */
export function watchProcess(pid: number): ProcessWatch {
  let { residentBytes, sockets } = processNumbers(pid);
  const timer = setInterval(() => {
    const now = processNumbers(pid);
    residentBytes = Math.max(residentBytes, now.residentBytes);
    sockets = Math.max(sockets, now.sockets);
  }, 250);
  return { peak: () => ({ residentBytes, sockets }), stop: () => clearInterval(timer) };
}
