import type {
  KnownEpisode,
  ListedAlert,
  ReconciliationContext,
  ReconciliationPlan,
} from '../domain/reconciliation.ts';

/**
 * Holds the ledger against what the Alertmanagers of a webhook have. One that lists an alert is believed; that an alert is
 * gone is believed only when every one answered and nobody has it, and for an open episode only when that lasts
 * longer than word of its end can be on its way. Pure.
 */
export function reconcile(
  known: readonly KnownEpisode[],
  lists: readonly (readonly ListedAlert[])[],
  context: ReconciliationContext,
): ReconciliationPlan {
  const listed = merge(lists);
  const plan = {
    expire: [] as KnownEpisode[],
    confirm: [] as number[],
    refute: [] as number[],
    suppress: [] as { id: number; reason: ListedAlert['suppressed'] }[],
    absentSince: new Map<number, number>(),
  };
  for (const episode of known) {
    const alert = listed.get(episode.fingerprint);
    if (alert === undefined) judgeAbsent(episode, context, plan);
    else if (!episode.open) plan.confirm.push(episode.id);
    else if (alert.suppressed !== episode.suppressed)
      plan.suppress.push({ id: episode.id, reason: alert.suppressed });
  }
  const drift = { orphaned: plan.absentSince.size, missing: missing(known, listed.values(), context) };
  return { ...plan, drift };
}

/** Each alert once: one Alertmanager that notifies of it is enough for it not to be suppressed. */
function merge(lists: readonly (readonly ListedAlert[])[]): Map<string, ListedAlert> {
  const merged = new Map<string, ListedAlert>();
  for (const alert of lists.flat()) {
    const other = merged.get(alert.fingerprint);
    if (other === undefined || other.suppressed !== undefined) merged.set(alert.fingerprint, alert);
  }
  return merged;
}

interface Draft {
  readonly expire: KnownEpisode[];
  readonly refute: number[];
  readonly absentSince: Map<number, number>;
}

function judgeAbsent(episode: KnownEpisode, context: ReconciliationContext, plan: Draft): void {
  const { askedAt, settleMs, complete } = context;
  const since = context.absentSince.get(episode.id);
  if (!complete) {
    // nothing is learnt, and nothing forgotten
    if (since !== undefined && episode.open) plan.absentSince.set(episode.id, since);
    return;
  }
  if (!episode.open) {
    if (episode.lastReceivedAt < askedAt) plan.refute.push(episode.id);
    return;
  }
  // heard of after the question was asked, or since it was found absent: it has to be absent anew
  if (episode.lastReceivedAt >= askedAt) return;
  const absentSince = since === undefined || episode.lastReceivedAt > since ? askedAt : since;
  plan.absentSince.set(episode.id, absentSince);
  if (askedAt - absentSince >= settleMs) plan.expire.push(episode);
}

/** Alerts that our receivers are to be told of, long enough ago, and of which there is no episode. */
function missing(
  known: readonly KnownEpisode[],
  listed: Iterable<ListedAlert>,
  { askedAt, settleMs }: ReconciliationContext,
): number {
  const fingerprints = new Set(known.map(({ fingerprint }) => fingerprint));
  const receivers = new Set(known.map(({ receiver }) => receiver));
  let count = 0;
  for (const alert of listed) {
    const due = alert.suppressed === undefined && askedAt - alert.startsAt > settleMs;
    if (due && !fingerprints.has(alert.fingerprint) && alert.receivers.some((name) => receivers.has(name)))
      count++;
  }
  return count;
}
