import type { Statement } from 'better-sqlite3';
import { SEVERITIES } from '../../domain/alert.ts';
import { formatInstant } from '../../domain/instant.ts';
import type { Suppression } from '../../domain/reconciliation.ts';
import type { AlertQuery, Episode } from '../ledger.ts';
import {
  fingerprintFromNumber,
  readTexts,
  severityFromNumber,
  severityNumber,
  type EpisodeRow,
  type TextsOf,
} from './episode-row.ts';
import type { EpisodeStore } from './episode-store.ts';
import type { Names } from './names.ts';
import type { OpenEpisode } from './open-alerts.ts';
import type { Sqlite } from './open.ts';

type ReadRow = EpisodeRow & { readonly webhook_name: string; readonly suppressed: Suppression | null };

interface OpenRow extends Pick<EpisodeRow, 'texts'> {
  readonly id: number;
  readonly severity: number;
  readonly acknowledged: number;
  readonly since: number;
  readonly last_event: number;
}

interface ReaderParts {
  readonly names: Names;
  readonly episodes: Pick<EpisodeStore, 'ofAlert'>;
  readonly textsOf: TextsOf;
}

const SELECT = `SELECT e.*, names.name AS webhook_name, s.reason AS suppressed FROM episodes e
  JOIN names ON names.id = e.webhook LEFT JOIN suppressed s ON s.episode = e.id`;

/** Answers queries for episodes. */
export class EpisodeReader {
  readonly #byState: Statement<[number, number, number], number>;
  readonly #parts: ReaderParts;
  readonly #rows: Statement<[string], ReadRow>;
  readonly #open: Statement<[], OpenRow>;
  readonly #openOne: Statement<[number], OpenRow>;

  constructor(database: Sqlite, parts: ReaderParts) {
    this.#parts = parts;
    this.#byState = database
      .prepare<[number, number, number], number>(
        'SELECT id FROM episodes WHERE open = ? AND severity = ? ORDER BY id DESC LIMIT ?',
      )
      .pluck();
    this.#rows = database
      .prepare<[string], ReadRow>(
        `${SELECT} WHERE e.id IN (SELECT value FROM json_each(?)) ORDER BY e.id DESC`,
      )
      .safeIntegers();
    const columns = 'id, severity, acknowledged, since, last_event, texts';
    this.#open = database.prepare(
      `SELECT ${columns} FROM episodes WHERE open = 1 ORDER BY open, severity, id`,
    );
    this.#openOne = database.prepare(`SELECT ${columns} FROM episodes WHERE open = 1 AND id = ?`);
  }

  /** Episodes that match, newest first. */
  list(query: AlertQuery): readonly Episode[] {
    if (query.fingerprint !== undefined) return this.#ofOneAlert(query.fingerprint, query);
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

  /** Those that are open, in the order of severity and age. */
  *open(): Generator<OpenEpisode> {
    for (const row of this.#open.iterate()) yield openEpisode(row, this.#parts.textsOf);
  }

  /** An episode that is open. */
  openOne(id: number): OpenEpisode | undefined {
    const row = this.#openOne.get(id);
    return row === undefined ? undefined : openEpisode(row, this.#parts.textsOf);
  }

  #ofOneAlert(fingerprint: string, { webhook = '', state, limit }: AlertQuery): readonly Episode[] {
    if (!/^[0-9a-f]{16}$/.test(fingerprint)) return [];
    const { names, episodes } = this.#parts;
    const known = names.known(webhook);
    const ids = known === undefined ? [] : [...episodes.ofAlert(fingerprint, known)].map(({ id }) => id);
    const found = this.#read(ids.slice(0, limit));
    return state === 'all' ? found : found.filter((episode) => episode.state === state);
  }

  #read(ids: readonly number[]): readonly Episode[] {
    return this.#rows.all(JSON.stringify(ids)).map((row) => episodeOf(row, this.#parts.textsOf));
  }
}

/** What is said of it is read when it is asked for. */
function openEpisode(row: OpenRow, textsOf: TextsOf): OpenEpisode {
  return {
    id: row.id,
    since: row.since,
    severity: severityFromNumber(row.severity),
    acknowledged: row.acknowledged === 1,
    get labels() {
      return labelsOf(readTexts(row, textsOf).labels);
    },
  };
}

function episodeOf(row: ReadRow, textsOf: TextsOf): Episode {
  const { labels, annotations, generatorUrl } = readTexts(row, textsOf);
  return {
    id: String(row.id),
    webhook: row.webhook_name,
    fingerprint: fingerprintFromNumber(row.fingerprint),
    state: row.open === 1n ? 'open' : 'closed',
    labels: labelsOf(labels),
    annotations: labelsOf(annotations),
    severity: severityFromNumber(Number(row.severity)),
    startsAt: formatInstant(row.starts),
    ...(row.ends === null ? {} : { endsAt: formatInstant(row.ends) }),
    firstReceivedAt: Number(row.first_received),
    lastReceivedAt: Number(row.last_received),
    generatorUrl,
    receiver: row.receiver,
    acknowledged: row.acknowledged === 1n,
    ...(row.ack_by === null ? {} : { acknowledgement: acknowledgementOf(row, row.ack_by) }),
    unacknowledgedSince: Number(row.since),
    ...(row.suspect_until === null ? {} : { suspectUntil: Number(row.suspect_until) }),
    ...(row.suppressed === null || row.open === 0n ? {} : { suppressed: row.suppressed }),
    ordinal: Number(row.ordinal),
  };
}

function acknowledgementOf(row: EpisodeRow, by: string): NonNullable<Episode['acknowledgement']> {
  const { ack_comment: comment, ack_at: at, ack_expires: expires } = row;
  return {
    by,
    comment: comment ?? '',
    at: Number(at),
    expiresAt: expires === null ? undefined : Number(expires),
  };
}

/** What `canonicalLabels` wrote. */
function labelsOf(text: string): Episode['labels'] {
  return JSON.parse(text) as Episode['labels'];
}
