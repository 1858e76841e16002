import { rfc3339 } from '../../checks/health/run-view.ts';
import type { Episode } from '../../ledger/ledger.ts';

/** An episode as the API shows it. */
export function episodeView(episode: Episode) {
  const { id, webhook, fingerprint, state, labels, annotations, severity, acknowledged, receiver, ordinal } =
    episode;
  return {
    id,
    webhook,
    fingerprint,
    state,
    severity,
    labels,
    annotations,
    starts_at: episode.startsAt,
    ends_at: episode.endsAt ?? null,
    first_received_at: rfc3339(episode.firstReceivedAt),
    last_received_at: rfc3339(episode.lastReceivedAt),
    generator_url: episode.generatorUrl,
    receiver,
    acknowledged,
    acknowledgement: acknowledgementView(episode),
    unacknowledged_since: acknowledged ? null : rfc3339(episode.unacknowledgedSince),
    suppressed: episode.suppressed ?? null,
    suspect_until: episode.suspectUntil === undefined ? null : rfc3339(episode.suspectUntil),
    transitions: ordinal,
  };
}

function acknowledgementView({ acknowledged, acknowledgement }: Episode) {
  if (!acknowledged || acknowledgement === undefined) return null;
  const { by, comment, at, expiresAt } = acknowledgement;
  return { by, comment, at: rfc3339(at), expires: expiresAt === undefined ? null : rfc3339(expiresAt) };
}
