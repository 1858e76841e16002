import type { Statement } from 'better-sqlite3';
import { SEVERITIES } from '../../../alerts/alert.ts';
import type { EpochMs } from '../../../domain/clock.ts';
import { formatInstant } from '../../../domain/instant.ts';
import type { Suppression } from '../../../alerts/reconciliation-types.ts';
import type { AlertQuery, Episode } from '../../ledger.ts';
import { parseAlertCursor, type AlertCursor } from '../../list-cursors.ts';
import type { UnreadableRows } from '../../unreadable-rows.ts';
import {
  acknowledgementOf,
  checkEpisode,
  fingerprintFromNumber,
  labelsOf,
  readTexts,
  severityFromNumber,
  severityNumber,
  type EpisodeRow,
  type AlertTextsOf,
} from './episode-row.ts';
import type { EpisodeStore } from './episode-store.ts';
import type { StringTable } from '../database/string-table.ts';
import type { OpenEpisode } from './open-alerts.ts';
import type { Sqlite } from '../database/open-database.ts';
import { rowValidator } from '../database/row-shape.ts';

type ReadRow = EpisodeRow & { readonly webhook_name: string; readonly suppressed: Suppression | null };

interface OpenRow extends Pick<EpisodeRow, 'texts'> {
  readonly id: number;
  readonly severity: number;
  readonly acknowledged: number;
  readonly since: EpochMs;
  readonly last_event: number;
}

interface ReaderParts {
  readonly strings: StringTable;
  readonly episodes: Pick<EpisodeStore, 'ofAlert'>;
  readonly textsOf: AlertTextsOf;
  readonly unreadable: UnreadableRows;
}

const SELECT = `SELECT e.*, names.name AS webhook_name, s.reason AS suppressed
  FROM json_each(?) j CROSS JOIN episodes e ON e.id = j.value
  LEFT JOIN names ON names.id = e.webhook LEFT JOIN suppressed s ON s.episode = e.id`;

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
        // in the order of the requested ids
        `${SELECT} ORDER BY j.key`,
      )
      .safeIntegers();
    const columns = 'id, severity, acknowledged, since, last_event, texts';
    this.#open = database.prepare(
      `SELECT ${columns} FROM episodes WHERE open = 1 ORDER BY open, severity, id`,
    );
    this.#openOne = database.prepare(`SELECT ${columns} FROM episodes WHERE open = 1 AND id = ?`);
  }

  /** Matching episodes: open ones first, the most severe of them first; then newest first. */
  list(query: AlertQuery): readonly Episode[] {
    if (query.fingerprint !== undefined) return this.#ofOneAlert(query.fingerprint, query);
    const after = query.after === undefined ? undefined : parseAlertCursor(query.after);
    const found: Episode[] = [];
    let bytes = 0;
    // unreadable episodes are made up for by later ones: a short answer means that there are no more
    for (let place = after; ;) {
      const limit = query.limit - found.length;
      const places = this.#cursors(query, limit, place);
      const read = this.#read(places, (query.maxBytes ?? Infinity) - bytes);
      found.push(...read.episodes);
      bytes += read.bytes;
      place = places.at(-1);
      if (places.length < limit || found.length === query.limit || read.isCut) return found;
    }
  }

  #cursors({ state, severity }: AlertQuery, limit: number, after: AlertCursor | undefined): AlertCursor[] {
    const ranks = severity === undefined ? SEVERITIES.map((_, i) => i) : [severityNumber(severity)];
    const openEpisodes = state === 'closed' ? [] : this.#openCursors(ranks, limit, after);
    const rest = limit - openEpisodes.length;
    const closed = state === 'open' || rest === 0 ? [] : this.#closedCursors(ranks, rest, after);
    return [...openEpisodes, ...closed];
  }

  #openCursors(ranks: readonly number[], limit: number, after: AlertCursor | undefined): AlertCursor[] {
    if (after !== undefined && after.open === undefined) return [];
    const places: AlertCursor[] = [];
    for (const rank of ranks) {
      if (rank < (after?.open ?? 0)) continue;
      const below = after?.open === rank ? after.id : Number.MAX_SAFE_INTEGER;
      const ids = this.#byState.all(1, rank, below, limit - places.length);
      places.push(...ids.map((id) => ({ open: rank, id })));
      if (places.length === limit) break;
    }
    return places;
  }

  #closedCursors(ranks: readonly number[], limit: number, after: AlertCursor | undefined): AlertCursor[] {
    const below = after === undefined || after.open !== undefined ? Number.MAX_SAFE_INTEGER : after.id;
    const ids = ranks.flatMap((rank) => this.#byState.all(0, rank, below, limit));
    const newest = ids.sort((a, b) => b - a).slice(0, limit);
    return newest.map((id) => ({ open: undefined, id }));
  }

  get(id: string): Episode | undefined {
    return /^\d{1,15}$/.test(id) ? this.#read([{ id: Number(id) }]).episodes[0] : undefined;
  }

  /** Open episodes, ordered by severity and age. */
  *open(): Generator<OpenEpisode> {
    for (const row of this.#open.iterate()) {
      const episode = this.#openEpisode(row);
      if (episode !== undefined) yield episode;
    }
  }

  /** An episode; undefined if it is not open. */
  openEpisode(id: number): OpenEpisode | undefined {
    const row = this.#openOne.get(id);
    return row === undefined ? undefined : this.#openEpisode(row);
  }

  #openEpisode(row: OpenRow): OpenEpisode | undefined {
    const { textsOf, unreadable } = this.#parts;
    return unreadable.readOrSkip('episodes', row.id, () => {
      checkOpen(row);
      return {
        id: row.id,
        since: row.since,
        severity: severityFromNumber(row.severity),
        acknowledged: row.acknowledged === 1,
        // read lazily
        get labels() {
          return unreadable.readOrSkip('episodes', row.id, () => labelsOf(readTexts(row, textsOf).labels));
        },
      };
    });
  }

  #ofOneAlert(fingerprint: string, { webhook = '', state, limit }: AlertQuery): readonly Episode[] {
    if (!/^[0-9a-f]{16}$/.test(fingerprint)) return [];
    const { strings, episodes } = this.#parts;
    const known = strings.known(webhook);
    const ids = known === undefined ? [] : [...episodes.ofAlert(fingerprint, known)].map(({ id }) => id);
    const newest = ids.slice(0, limit).sort((a, b) => b - a);
    const { episodes: found } = this.#read(newest.map((id) => ({ id })));
    return state === 'all' ? found : found.filter((episode) => episode.state === state);
  }

  #read(places: readonly { readonly id: number }[], maxBytes = Infinity) {
    const { textsOf, unreadable } = this.#parts;
    const episodes: Episode[] = [];
    let bytes = 0;
    for (const row of this.#rows.iterate(JSON.stringify(places.map(({ id }) => id)))) {
      const episode = unreadable.readOrSkip('episodes', Number(row.id), () => {
        checkEpisode(row);
        checkName(row);
        const texts = readTexts(row, textsOf);
        const read = episodeOf(row, texts);
        bytes += texts.labels.length + texts.annotations.length;
        return read;
      });
      if (episode !== undefined) episodes.push(episode);
      if (bytes >= maxBytes) return { episodes, bytes, isCut: true };
    }
    return { episodes, bytes, isCut: false };
  }
}

const checkName = rowValidator<Pick<ReadRow, 'webhook_name'>>({ webhook_name: 'text' });
const checkOpen = rowValidator<OpenRow>({
  ...{ id: 'integer', severity: 'integer', acknowledged: 'integer' },
  ...{ since: 'time', last_event: 'integer', texts: 'text or null' },
});

function episodeOf(
  row: ReadRow,
  { labels, annotations, generatorUrl }: ReturnType<typeof readTexts>,
): Episode {
  const acknowledgement = acknowledgementOf(row);
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
    ...(acknowledgement && { acknowledgement }),
    unacknowledgedSince: Number(row.since),
    ...(row.suspect_until === null ? {} : { suspectUntil: Number(row.suspect_until) }),
    ...(row.suppressed === null || row.open === 0n ? {} : { suppressed: row.suppressed }),
    ordinal: Number(row.ordinal),
  };
}
