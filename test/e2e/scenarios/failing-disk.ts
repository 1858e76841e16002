import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { postWebhook, webhookAlert, webhookPayload } from '../../support/alerts/alerts.ts';
import { json } from '../../support/alerts/chain.ts';
import { syncsBeforeAnswers, trace } from '../../support/processes/strace.ts';
import { startTocsin, temporaryFolder, type RunningTocsin } from '../../support/processes/tocsin.ts';
import { until } from '../../support/until.ts';

const CONFIG = 'store: { path: disk/ledger.db }\nhost: { enabled: false }\n';

export interface FaultRecord {
  /** Answers by status while the disk failed. */
  readonly failing: Readonly<Record<number, number>>;
  /** From the end of the fault until the first 200. */
  readonly recoverySeconds: number;
  /** Alerts answered with 200, before, during and after the fault, that are not in the ledger exactly once. */
  readonly wrong: readonly string[];
  readonly answered: number;
}

/** One request at a time under strace: how many were answered with 200, and how many of those without a prior sync. */
export async function runSyncs(requests: number): Promise<{ answers: number; unsynced: number }> {
  await using folder = temporaryFolder();
  const tocsin = await begin(folder.path);
  const file = join(folder.path, 'trace');
  const watching = await trace(tocsin.pid, ['trace=fsync,fdatasync,write,writev'], file);
  for (let i = 0; i < requests; i++) await post(tocsin, `Traced${i}`);
  await watching.stop();
  await tocsin.stop();
  return syncsBeforeAnswers(file);
}

/** Every sync fails, as the kernel reports for a broken disk. */
export function runFailingSync(requests: number): Promise<FaultRecord> {
  return runFault(requests, async (tocsin, folder) => {
    const file = join(folder, 'trace');
    const failing = await trace(tocsin.pid, ['inject=fsync,fdatasync:error=EIO'], file);
    return () => failing.stop();
  });
}

/** No file of the process may grow beyond its current size. */
export function runFileLimit(requests: number): Promise<FaultRecord> {
  return runFault(requests, ({ pid }) => {
    execFileSync('prlimit', ['--pid', String(pid), '--fsize=4096:unlimited']);
    return Promise.resolve(() => {
      execFileSync('prlimit', ['--pid', String(pid), '--fsize=unlimited:unlimited']);
      return Promise.resolve();
    });
  });
}

/** The ledger is on a file system of 8 MiB that something else fills up. Needs the right to mount. */
export async function runFullDisk(requests: number): Promise<FaultRecord> {
  await using folder = temporaryFolder();
  const disk = join(folder.path, 'disk');
  mkdirSync(disk);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', disk]);
  try {
    return await runFault(
      requests,
      () => {
        const filler = join(disk, 'filler');
        fill(filler);
        return Promise.resolve(() => {
          rmSync(filler);
          return Promise.resolve();
        });
      },
      folder.path,
    );
  } finally {
    execFileSync('umount', [disk]);
  }
}

function fill(file: string): void {
  for (const size of [65_536, 4_096, 1]) {
    try {
      for (;;) writeFileSync(file, Buffer.alloc(size), { flag: 'a' });
    } catch {
      // full, for chunks of this size
    }
  }
}

type Lift = () => Promise<void>;

async function runFault(
  requests: number,
  inject: (tocsin: RunningTocsin, folder: string) => Promise<Lift>,
  given?: string,
): Promise<FaultRecord> {
  await using folder = temporaryFolder();
  const path = given ?? folder.path;
  const tocsin = await begin(path);
  const answered: string[] = [];
  const send = async (name: string) => {
    const status = await post(tocsin, name);
    if (status === 200) answered.push(name);
    return status;
  };
  for (let i = 0; i < requests; i++) await send(`Before${i}`);
  const lift = await inject(tocsin, path);
  const failing: Record<number, number> = {};
  for (let i = 0; i < requests; i++) {
    const status = await send(`Meanwhile${i}`);
    failing[status] = (failing[status] ?? 0) + 1;
  }
  await lift();
  const lifted = performance.now();
  await until(async () => (await send('After')) === 200, { what: 'the first 200 after the fault' });
  const recoverySeconds = (performance.now() - lifted) / 1_000;
  // Alertmanager sends refused deliveries again
  for (let i = 0; i < requests; i++) await send(`Meanwhile${i}`);
  await tocsin.kill();
  const again = await begin(path);
  const wrong = await notOnce(again, new Set(answered));
  await again.stop();
  return { failing, recoverySeconds, wrong, answered: new Set(answered).size };
}

function begin(folder: string): Promise<RunningTocsin> {
  mkdirSync(join(folder, 'disk'), { recursive: true });
  return startTocsin({ folder, config: CONFIG });
}

async function post(tocsin: RunningTocsin, alertname: string): Promise<number> {
  const annotations = { text: 'x'.repeat(1_000) };
  return (await postWebhook(tocsin.url, webhookPayload([webhookAlert({ alertname }, { annotations })])))
    .status;
}

async function notOnce(tocsin: RunningTocsin, names: ReadonlySet<string>): Promise<string[]> {
  const { events } = await json<{ events: { data: { labels: Record<string, string> } }[] }>(
    `${tocsin.url}/api/v1/events?type=tocsin.alert.*&limit=10000`,
  );
  const counts = new Map<string, number>();
  for (const { data } of events) {
    const name = data.labels['alertname'] ?? '';
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...names].filter((name) => counts.get(name) !== 1);
}
