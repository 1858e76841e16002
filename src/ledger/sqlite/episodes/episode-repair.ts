import { severityClass } from '../../../alerts/alert.ts';
import { canonicalLabels } from '../../../domain/labels.ts';
import {
  EPISODE_SHAPE,
  fingerprintNumber,
  labelsOf,
  readReporters,
  readTexts,
  severityNumber,
  type EpisodeRow,
  type AlertTextsOf,
  type Value,
} from './episode-row.ts';
import type { DeliveredAlert } from './episode-table.ts';
import type { Sqlite } from '../database/open-database.ts';
import type { QuarantineStore } from '../intake/quarantine-store.ts';
import { damagedColumns } from '../database/row-shape.ts';
import { encodeTexts } from '../events/segment.ts';

interface RepairParts {
  readonly quarantine: QuarantineStore;
  readonly textsOf: AlertTextsOf;
}

/** Valid JSON, but not the canonical text of any annotations: the alert's next firing refreshes the episode. */
const UNKNOWN_ANNOTATIONS = '{ }';
const damagedIn = damagedColumns<EpisodeRow>(EPISODE_SHAPE);

/**
 * Repairs the newest episode of an alert if it is unreadable: a second one would stay open beside it forever. Damaged
 * columns are replaced by the delivery's values, and the original row goes to quarantine.
 */
export class EpisodeRepair {
  readonly #database: Sqlite;
  readonly #parts: RepairParts;

  constructor(database: Sqlite, parts: RepairParts) {
    this.#database = database;
    this.#parts = parts;
  }

  /** Only within a transaction. */
  repair(row: EpisodeRow, source: DeliveredAlert): void {
    const damaged = this.#damaged(row);
    this.#quarantineRow(row, damaged, source);
    const fresh = valuesFromDelivery(source);
    const values = Object.fromEntries(damaged.map((name) => [name, fresh[name] ?? null]));
    const all = { ...values, texts: fresh['texts'] ?? null };
    const assignments = Object.keys(all).map((name) => `${name} = ?`);
    this.#database
      .prepare<Value[]>(`UPDATE episodes SET ${assignments.join(', ')} WHERE id = ?`)
      .run(...Object.values(all), row.id);
  }

  #damaged(row: EpisodeRow): readonly string[] {
    const reporters = isRead(() => row.closed_by !== null && readReporters(row.closed_by));
    const texts = isRead(() => {
      const found = readTexts(row, this.#parts.textsOf);
      return [labelsOf(found.labels), labelsOf(found.annotations)];
    });
    const columns = [...damagedIn(row), ...(reporters ? [] : ['closed_by']), ...(texts ? [] : ['texts'])];
    return [...new Set(columns)];
  }

  #quarantineRow(row: EpisodeRow, columns: readonly string[], { webhook, receivedAt }: DeliveredAlert): void {
    const detail =
      `The stored episode ${row.id} could not be read (${columns.join(', ')}). ` +
      'It was repaired from the next delivery of its alert; this is the row before the repair.';
    const complaint = { pointer: `/episodes/${row.id}`, detail };
    const body = Buffer.from(JSON.stringify(row, plain));
    this.#parts.quarantine.add({ webhook, receivedAt, complaint, body });
  }
}

/** Values that a delivery gives for an episode, by column; other columns may be null. */
function valuesFromDelivery({ alert, webhook, receivedAt }: DeliveredAlert): Readonly<Record<string, Value>> {
  const { labels, generatorUrl, startsAt, fingerprint } = alert;
  return {
    ...{ webhook, fingerprint: fingerprintNumber(fingerprint), number: 1, ordinal: 0, open: 0 },
    ...{ severity: severityNumber(severityClass(labels['severity'])), acknowledged: 0 },
    ...{ starts: startsAt.ns, anchor: startsAt.ns, last_event: 0, receiver: '' },
    ...{ first_received: receivedAt, last_received: receivedAt, since: receivedAt },
    texts: encodeTexts({ labels: canonicalLabels(labels), annotations: UNKNOWN_ANNOTATIONS, generatorUrl }),
  };
}

function isRead(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch {
    return false;
  }
}

function plain(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
