import type { Statement } from 'better-sqlite3';
import { SEVERITIES } from '../../domain/alert.ts';
import { formatInstant } from '../../domain/instant.ts';
import type { Suppression } from '../../domain/reconciliation.ts';
import type { AlertQuery, Episode } from '../ledger.ts';
import { parseAlertPlace, type AlertPlace } from '../../domain/list-place.ts';
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

const SELECT = `SELECT e.*, names.name AS webhook_name, s.reason AS suppressed
  FROM json_each(?) j CROSS JOIN episodes e ON e.id = j.value
  JOIN names ON names.id = e.webhook LEFT JOIN suppressed s ON s.episode = e.id`;

/** Answers queries for episodes. */
export class EpisodeReader {
  readonly #byState: Statement<[number, number, number, number], number>;
  readonly #parts: ReaderParts;
  readonly #rows: Statement<[string], ReadRow>;
  readonly #open: Statement<[], OpenRow>;
  readonly #openOne: Statement<[number], OpenRow>;

  constructor(database: Sqlite, parts: ReaderParts) {
    this.#parts = parts;
    this.#byState = database
      .prepare<[number, number, number, number], number>(
        'SELECT id FROM episodes WHERE open = ? AND severity = ? AND id < ? ORDER BY id DESC LIMIT ?',
      )
      .pluck();
    this.#rows = database
      .prepare<[string], ReadRow>(
        // in the order of the ids that are asked for
        `${SELECT} ORDER BY j.key`,
      )
      .safeIntegers();
    const columns = 'id, severity, acknowledged, since, last_event, texts';
    this.#open = database.prepare(
      `SELECT ${columns} FROM episodes WHERE open = 1 ORDER BY open, severity, id`,
    );
    this.#openOne = database.prepare(`SELECT ${columns} FROM episodes WHERE open = 1 AND id = ?`);
  }

  /** Episodes that match: open ones first, the most severe of them first; then newest first. */
  list(query: AlertQuery): readonly Episode[] {
    if (query.fingerprint !== undefined) return this.#ofOneAlert(query.fingerprint, query);
    const place = query.after === undefined ? undefined : parseAlertPlace(query.after);
    const ranks =
      query.severity === undefined ? SEVERITIES.map((_, i) => i) : [severityNumber(query.severity)];
    const open = query.state === 'closed' ? [] : this.#openIds(ranks, query.limit, place);
    const rest = query.limit - open.length;
    const closed = query.state === 'open' || rest === 0 ? [] : this.#closedIds(ranks, rest, place);
    return this.#read([...open, ...closed], query.maxBytes);
  }

  #openIds(ranks: readonly number[], limit: number, place: AlertPlace | undefined): readonly number[] {
    if (place !== undefined && place.open === undefined) return [];
    const ids: number[] = [];
    for (const rank of ranks) {
      if (rank < (place?.open ?? 0)) continue;
      const below = place?.open === rank ? place.id : Number.MAX_SAFE_INTEGER;
      ids.push(...this.#byState.all(1, rank, below, limit - ids.length));
      if (ids.length === limit) break;
    }
    return ids;
  }

  #closedIds(ranks: readonly number[], limit: number, place: AlertPlace | undefined): readonly number[] {
    const below = place === undefined || place.open !== undefined ? Number.MAX_SAFE_INTEGER : place.id;
    const ids = ranks.flatMap((rank) => this.#byState.all(0, rank, below, limit));
    return ids.sort((a, b) => b - a).slice(0, limit);
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
    const found = this.#read(ids.slice(0, limit).sort((a, b) => b - a));
    return state === 'all' ? found : found.filter((episode) => episode.state === state);
  }

  #read(ids: readonly number[], maxBytes = Infinity): readonly Episode[] {
    const episodes: Episode[] = [];
    let bytes = 0;
    for (const row of this.#rows.iterate(JSON.stringify(ids))) {
      const texts = readTexts(row, this.#parts.textsOf);
      episodes.push(episodeOf(row, texts));
      bytes += texts.labels.length + texts.annotations.length;
      if (bytes >= maxBytes) break;
    }
    return episodes;
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

function episodeOf(
  row: ReadRow,
  { labels, annotations, generatorUrl }: ReturnType<typeof readTexts>,
): Episode {
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
