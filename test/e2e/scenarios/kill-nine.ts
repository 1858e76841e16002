import { setTimeout as pause } from 'node:timers/promises';
import { postWebhook, webhookAlert, webhookPayload } from '../../support/alerts/alerts.ts';
import { json } from '../../support/alerts/chain.ts';
import { startTocsin, temporaryFolder, type RunningTocsin } from '../../support/processes/tocsin.ts';
import { until } from '../../support/until.ts';

export interface KillNineRecord {
  readonly rounds: number;
  readonly answered: number;
  readonly unanswered: number;
  /** Alerts in the deliveries that were answered with 200. */
  readonly promised: number;
  /** Of those, the ones that are not in the ledger, and those that are in it more than once. */
  readonly lost: number;
  readonly twice: number;
  /** Deliveries without an answer that are stored completely, and those stored in part. */
  readonly wholeUnanswered: number;
  readonly half: number;
  readonly otherAnswers: number;
  readonly seconds: number;
}

const CONFIG = 'store: { path: ledger.db }\nhost: { enabled: false }\n';
const WORKERS = 16;
/** One in this many deliveries has more than 256 KiB, and is written in slices. */
const LARGE_EVERY = 60;

/** Load, `kill -9` in the middle of it, restart on the same ledger; repeated as often as requested. */
export async function runKillNine(rounds: number): Promise<KillNineRecord> {
  const started = performance.now();
  await using folder = temporaryFolder();
  const sizes: number[] = [];
  const answered = new Set<number>();
  let otherAnswers = 0;
  const load = async (tocsin: RunningTocsin, on: { readonly now: boolean }) => {
    while (on.now) {
      const id = sizes.push(sizeOf(sizes.length)) - 1;
      const status = await postWebhook(tocsin.url, delivery(id, sizes[id] ?? 0)).then(
        (answer) => answer.status,
        () => 0,
      );
      if (status === 200) answered.add(id);
      else if (status !== 0) otherAnswers++;
      else return;
    }
  };
  for (let round = 0; round < rounds; round++) {
    const tocsin = await startTocsin({ folder: folder.path, config: CONFIG });
    const on = { now: true };
    const workers = Array.from({ length: WORKERS }, () => load(tocsin, on));
    const before = answered.size;
    await pause(150 + ((round * 37) % 250));
    // a busy machine may need longer for the first answer
    await until(() => answered.size > before, { what: 'an answer' });
    await tocsin.kill();
    on.now = false;
    await Promise.all(workers);
  }
  const counts = await storedIn(folder.path);
  return {
    rounds,
    otherAnswers,
    answered: answered.size,
    unanswered: sizes.length - answered.size - otherAnswers,
    ...verdict(sizes, answered, counts),
    seconds: (performance.now() - started) / 1_000,
  };
}

function sizeOf(id: number): number {
  return id % LARGE_EVERY === LARGE_EVERY - 1 ? 1_000 : 1 + (id % 8);
}

function delivery(id: number, size: number): Record<string, unknown> {
  const alerts = Array.from({ length: size }, (_, i) =>
    webhookAlert({ alertname: 'Load', delivery: String(id), i: String(i) }),
  );
  return webhookPayload(alerts, { groupKey: `{}:{delivery="${id}"}` });
}

/** How often each alert of each delivery is in the ledger. */
async function storedIn(folder: string): Promise<ReadonlyMap<number, readonly number[]>> {
  const tocsin = await startTocsin({ folder, config: CONFIG });
  const counts = new Map<number, number[]>();
  for (let after = ''; ;) {
    const path = `/api/v1/events?type=tocsin.alert.*&limit=10000${after}`;
    const page = await json<Page>(`${tocsin.url}${path}`);
    for (const { data } of page.events) {
      const id = Number(data.labels['delivery']);
      const some = counts.get(id) ?? [];
      const i = Number(data.labels['i']);
      some[i] = (some[i] ?? 0) + 1;
      counts.set(id, some);
    }
    if (page.events.length < 10_000) break;
    after = `&after=${page.next_after}`;
  }
  await tocsin.stop();
  return counts;
}

interface Page {
  readonly events: readonly { readonly data: { readonly labels: Readonly<Record<string, string>> } }[];
  readonly next_after: string;
}

function verdict(
  sizes: readonly number[],
  answered: ReadonlySet<number>,
  counts: ReadonlyMap<number, readonly number[]>,
) {
  let [promised, lost, twice, wholeUnanswered, half] = [0, 0, 0, 0, 0];
  for (const [id, size] of sizes.entries()) {
    const some = counts.get(id) ?? [];
    const there = some.filter((count) => count > 0).length;
    twice += some.filter((count) => count > 1).length;
    if (answered.has(id)) {
      promised += size;
      lost += size - there;
    } else if (there === size) wholeUnanswered++;
    else if (there > 0) half++;
  }
  return { promised, lost, twice, wholeUnanswered, half };
}
