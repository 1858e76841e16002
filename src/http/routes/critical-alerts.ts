import type { LabelSet } from '../../domain/labels.ts';
import { LedgerUnavailableError, type Episode, type Ledger } from '../../ledger/ledger.ts';
import { alertCursor } from '../../ledger/list-cursors.ts';
import type { ReadResponder } from '../reads/read-responder.ts';

interface CriticalAlertsDeps {
  readonly ledger: Pick<Ledger, 'alerts'>;
  readonly reads: Pick<ReadResponder, 'queryLedger'>;
  readonly isWatchdog: (labels: LabelSet) => boolean;
}

/** No one reads more sentences than this: `/api/v1/alerts` has all alerts. */
const MAX_MESSAGES = 500;
const MAX_TEXT = 300;
/** Queried at a time: the copy of a page from the ledger's thread is made on the event loop. */
const PAGE = { state: 'open', severity: 'critical', limit: 50, maxBytes: 32 * 1_024 } as const;
/** Large alerts, or many that are left out, end the list before it has this many sentences. */
const MAX_PAGES = 20;

/** The number of open critical episodes, from memory. Watchdogs and alerts that carry `escalation` are left out. */
export function countOpenCritical(ledger: Pick<Ledger, 'summary'>): number {
  return ledger
    .summary()
    .open.filter(({ severity }) => severity === 'critical')
    .reduce((sum, { count }) => sum + count, 0);
}

interface CriticalAlerts {
  readonly messages: readonly string[];
  readonly isCut: boolean;
}

/** A sentence for each open critical episode, the newest first, and whether there are more. */
export async function criticalAlerts(deps: CriticalAlertsDeps): Promise<CriticalAlerts> {
  try {
    return await deps.reads.queryLedger('critical alerts', () => readAll(deps));
  } catch (error) {
    if (!(error instanceof LedgerUnavailableError)) throw error;
    // the status is always 200, and the answer must not look as if nothing were wrong
    return { messages: [`CRITICAL: the open alerts cannot be read - ${error.message}`], isCut: false };
  }
}

async function readAll({ ledger, isWatchdog }: CriticalAlertsDeps): Promise<CriticalAlerts> {
  const messages: string[] = [];
  let after: string | undefined;
  for (let page = 0; page < MAX_PAGES && messages.length <= MAX_MESSAGES; page++) {
    const episodes = await ledger.alerts({ ...PAGE, ...(after !== undefined && { after }) });
    const last = episodes.at(-1);
    if (last === undefined) return { messages, isCut: false };
    for (const episode of episodes) {
      const { labels } = episode;
      if (labels['escalation'] === undefined && !isWatchdog(labels)) messages.push(alertMessage(episode));
    }
    after = alertCursor(last);
  }
  return { messages: messages.slice(0, MAX_MESSAGES), isCut: true };
}

function alertMessage({ labels, annotations, startsAt }: Episode): string {
  const { alertname = 'an alert without a name', service, instance } = labels;
  const where = [service, instance].filter((text) => text !== undefined && text !== '').join(', ');
  const why = annotations['summary'] ?? annotations['description'] ?? `since ${startsAt}`;
  return `CRITICAL: ${alertname} is firing${where === '' ? '' : ` for ${where}`} - ${why}`.slice(0, MAX_TEXT);
}
