import type { Statement } from 'better-sqlite3';
import { SEVERITIES } from '../../domain/alert.ts';
import { formatInstant } from '../../domain/instant.ts';
import type { AlertQuery, Episode } from '../ledger.ts';
import { fingerprintFromNumber, severityFromNumber, severityNumber } from './episode-store.ts';
import type { Sqlite } from './open.ts';

interface EpisodeRow {
  readonly id: bigint;
  readonly webhook_name: string;
  readonly fingerprint: bigint;
  readonly open: bigint;
  readonly severity: bigint;
  readonly acknowledged: bigint;
  readonly ordinal: bigint;
  readonly starts: bigint;
  readonly ends: bigint | null;
  readonly first_received: bigint;
  readonly last_received: bigint;
  readonly receiver: string;
  readonly generator_url: string;
  readonly labels: string;
  readonly annotations: string;
}

/** An open episode, as far as the summary needs it. */
export type OpenEpisode = Pick<Episode, 'severity' | 'acknowledged' | 'labels'> & {
  readonly id: number;
  readonly since: number;
};

const SELECT = `SELECT e.*, names.name AS webhook_name FROM episodes e JOIN names ON names.id = e.webhook`;

/** Answers queries for episodes. */
export class EpisodeReader {
  readonly #byState: Statement<[number, number, number], number>;
  readonly #rows: Statement<[string], EpisodeRow>;
  readonly #open: Statement<
    [],
    { id: number; severity: number; acknowledged: number; since: number; labels: string }
  >;

  constructor(database: Sqlite) {
    this.#byState = database
      .prepare<[number, number, number], number>(
        'SELECT id FROM episodes WHERE open = ? AND severity = ? ORDER BY id DESC LIMIT ?',
      )
      .pluck();
    this.#rows = database
      .prepare<[string], EpisodeRow>(
        `${SELECT} WHERE e.id IN (SELECT value FROM json_each(?)) ORDER BY e.id DESC`,
      )
      .safeIntegers();
    this.#open = database.prepare(
      'SELECT id, severity, acknowledged, first_received AS since, labels FROM episodes WHERE open = 1',
    );
  }

  /** Episodes that match, newest first. */
  list(query: AlertQuery): readonly Episode[] {
    const states = query.state === 'all' ? [1, 0] : [query.state === 'open' ? 1 : 0];
    const severities = query.severity === undefined ? SEVERITIES : [query.severity];
    const ids = states.flatMap((open) =>
      severities.flatMap((severity) => this.#byState.all(open, severityNumber(severity), query.limit)),
    );
    return this.#read(ids.sort((a, b) => b - a).slice(0, query.limit));
  }

  get(id: string): Episode | undefined {
    return /^\d{1,15}$/.test(id) ? this.#read([Number(id)])[0] : undefined;
  }

  *open(): Generator<OpenEpisode> {
    for (const row of this.#open.iterate()) {
      yield {
        id: row.id,
        since: row.since,
        severity: severityFromNumber(row.severity),
        acknowledged: row.acknowledged === 1,
        labels: labelsOf(row.labels),
      };
    }
  }

  #read(ids: readonly number[]): readonly Episode[] {
    return this.#rows.all(JSON.stringify(ids)).map(episodeOf);
  }
}

function episodeOf(row: EpisodeRow): Episode {
  return {
    id: String(row.id),
    webhook: row.webhook_name,
    fingerprint: fingerprintFromNumber(row.fingerprint),
    state: row.open === 1n ? 'open' : 'closed',
    labels: labelsOf(row.labels),
    annotations: labelsOf(row.annotations),
    severity: severityFromNumber(Number(row.severity)),
    startsAt: formatInstant(row.starts),
    ...(row.ends === null ? {} : { endsAt: formatInstant(row.ends) }),
    firstReceivedAt: Number(row.first_received),
    lastReceivedAt: Number(row.last_received),
    generatorUrl: row.generator_url,
    receiver: row.receiver,
    acknowledged: row.acknowledged === 1n,
    ordinal: Number(row.ordinal),
  };
}

/** What `canonicalLabels` wrote. */
function labelsOf(text: string): Episode['labels'] {
  return JSON.parse(text) as Episode['labels'];
}
