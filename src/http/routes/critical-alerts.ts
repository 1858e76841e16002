import type { LabelSet } from '../../domain/labels.ts';
import { LedgerUnavailableError, type Episode, type Ledger } from '../../ledger/ledger.ts';
import type { Reads } from '../reads/reads.ts';

interface CriticalAlertsDeps {
  readonly ledger: Pick<Ledger, 'alerts'>;
  readonly reads: Pick<Reads, 'ask'>;
  readonly isWatchdog: (labels: LabelSet) => boolean;
}

/** More of them nobody reads as sentences: `/api/v1/alerts` has them all. */
const MAX_SENTENCES = 500;
const MAX_TEXT = 300;
const QUERY = {
  state: 'open',
  severity: 'critical',
  limit: MAX_SENTENCES + 1,
  maxBytes: 256 * 1_024,
} as const;

/** How many critical episodes are open; asks no disk. Watchdogs and alerts that carry `escalation` are left out. */
export function openCritical(ledger: Pick<Ledger, 'summary'>): number {
  return ledger
    .summary()
    .open.filter(({ severity }) => severity === 'critical')
    .reduce((sum, { count }) => sum + count, 0);
}

/** A sentence for each critical episode that is open, the newest first, and whether there are more. */
export async function criticalAlerts({
  ledger,
  reads,
  isWatchdog,
}: CriticalAlertsDeps): Promise<{ readonly sentences: readonly string[]; readonly isCut: boolean }> {
  try {
    return await reads.ask('critical alerts', async () => {
      const episodes = await ledger.alerts(QUERY);
      const counted = episodes.filter(
        ({ labels }) => labels['escalation'] === undefined && !isWatchdog(labels),
      );
      const sentences = counted.slice(0, MAX_SENTENCES).map(sentence);
      return { sentences, isCut: episodes.length > MAX_SENTENCES };
    });
  } catch (error) {
    if (!(error instanceof LedgerUnavailableError)) throw error;
    // the answer is 200 always, and must not look as if nothing were wrong
    return { sentences: [`CRITICAL: the open alerts cannot be read - ${error.message}`], isCut: false };
  }
}

function sentence({ labels, annotations, startsAt }: Episode): string {
  const { alertname = 'an alert without a name', service, instance } = labels;
  const where = [service, instance].filter((text) => text !== undefined && text !== '').join(', ');
  const why = annotations['summary'] ?? annotations['description'] ?? `since ${startsAt}`;
  return `CRITICAL: ${alertname} is firing${where === '' ? '' : ` for ${where}`} - ${why}`.slice(0, MAX_TEXT);
}
