import { toMilliseconds } from '../domain/instant.ts';
import type { EpisodeState } from './episode.ts';
import type {
  EpisodeToReconcile,
  ListedAlert,
  ReconciliationContext,
  ReconciliationPlan,
} from './reconciliation-types.ts';

/**
 * An Alertmanager that could not reach Tocsin retries after at most a minute and a half (its backoff is capped at 60 s,
 * plus or minus half). No alert counts as missing before that.
 */
const RETRY_MS = 90_000;

/**
 * Compares the ledger with the alerts of a webhook's Alertmanagers. An alert is present if any of them lists it. It is
 * absent only if every one answered, none has just started, and no list has it; an open episode must also be absent for
 * longer than the report of its end can take to arrive. Pure.
 */
export function reconcile(
  known: readonly EpisodeToReconcile[],
  lists: readonly (readonly ListedAlert[])[],
  context: ReconciliationContext,
): ReconciliationPlan {
  const listed = merge(lists);
  const plan = {
    expire: [] as EpisodeToReconcile[],
    confirm: [] as number[],
    refute: [] as number[],
    suppress: [] as { id: number; reason: ListedAlert['suppressed'] }[],
    present: [] as number[],
    absentSince: new Map<number, number>(),
  };
  for (const episode of known) {
    const alert = listed.get(episode.fingerprint);
    if (alert === undefined) {
      judgeAbsent(episode, context, plan);
      continue;
    }
    if (!episode.open) plan.confirm.push(episode.id);
    else plan.present.push(episode.id);
    if (episode.open && alert.suppressed !== episode.suppressed)
      plan.suppress.push({ id: episode.id, reason: alert.suppressed });
  }
  const { absentSince, ...decided } = plan;
  const fingerprints = new Set(known.map(({ fingerprint }) => fingerprint));
  const unknown = [...listed.values()].filter(({ fingerprint }) => !fingerprints.has(fingerprint));
  const deliverableSince = deliverable(listed.values(), fingerprints, context);
  const missing = unknown.filter((alert) => isDue(alert, context, deliverableSince));
  const drift = { orphaned: absentSince.size, missing: missing.length };
  const memory = { since: context.memory.since, absentSince, deliverableSince };
  return { ...decided, unknown, missing, drift, memory };
}

/** Each alert once; it counts as suppressed only if every Alertmanager that lists it suppresses it. */
function merge(lists: readonly (readonly ListedAlert[])[]): Map<string, ListedAlert> {
  const merged = new Map<string, ListedAlert>();
  for (const alert of lists.flat()) {
    const other = merged.get(alert.fingerprint);
    if (other === undefined || other.suppressed !== undefined) merged.set(alert.fingerprint, alert);
  }
  return merged;
}

interface PlanDraft {
  readonly expire: EpisodeToReconcile[];
  readonly refute: number[];
  readonly absentSince: Map<number, number>;
}

function judgeAbsent(episode: EpisodeToReconcile, context: ReconciliationContext, plan: PlanDraft): void {
  const { requestedAt, settleMs, complete, warmingUp, memory } = context;
  // an absent alert may be sent to it again after its restart: the count starts over
  if (warmingUp) return;
  const since = memory.absentSince.get(episode.id);
  if (!complete) {
    // absence can neither be established nor ruled out: keep what is known
    if (since !== undefined && episode.open) plan.absentSince.set(episode.id, since);
    return;
  }
  if (!episode.open) {
    if (episode.lastReceivedAt < requestedAt) plan.refute.push(episode.id);
    return;
  }
  // reported after the lists were requested, or since it was found absent: its absence counts from now
  if (episode.lastReceivedAt >= requestedAt) return;
  const absentSince = since === undefined || episode.lastReceivedAt > since ? requestedAt : since;
  plan.absentSince.set(episode.id, absentSince);
  if (requestedAt - absentSince >= settleMs) plan.expire.push(episode);
}

/** Not while suppressed; a start in the future (clock ahead) counts from when it was first listed. */
function deliverable(
  listed: Iterable<ListedAlert>,
  known: ReadonlySet<string>,
  { requestedAt, memory }: ReconciliationContext,
): ReadonlyMap<string, number> {
  const since = new Map<string, number>();
  for (const { fingerprint, suppressed, startsAt } of listed) {
    if (suppressed !== undefined) since.set(fingerprint, requestedAt);
    else if (!known.has(fingerprint)) {
      const began = Math.min(toMilliseconds(startsAt), requestedAt);
      since.set(fingerprint, memory.deliverableSince.get(fingerprint) ?? began);
    }
  }
  return since;
}

/** Whether a delivery of it should have arrived by now. */
function isDue(
  { fingerprint, suppressed, receivers }: ListedAlert,
  { requestedAt, settleMs, startedAt, memory }: ReconciliationContext,
  deliverableSince: ReadonlyMap<string, number>,
): boolean {
  if (suppressed !== undefined || receivers.length === 0) return false;
  const since = Math.max(deliverableSince.get(fingerprint) ?? requestedAt, startedAt);
  return requestedAt - since > settleMs && requestedAt - memory.since >= Math.min(settleMs, RETRY_MS);
}

/** Whether a listed alert is this episode, closed only because no report arrived or no list had it. */
export function wasExpired(
  { open, reportedEnd, suspect, anchorGiven }: EpisodeState,
  startsAt: bigint,
  toleranceNs: bigint,
): boolean {
  return !open && reportedEnd === undefined && suspect === undefined && startsAt <= anchorGiven + toleranceNs;
}
