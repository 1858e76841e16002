import { SEVERITIES, type SeverityClass } from '../alerts/alert.ts';
import type { EpochMs } from '../domain/clock.ts';

/** Rows of a list, newest first. */
export interface ListQuery {
  readonly limit: number;
  /** Only rows after this one: the id of a delivery, or `quarantineCursor` of an entry. */
  readonly after?: string;
}

interface CursorEpisode {
  readonly id: string;
  readonly state: 'open' | 'closed';
  readonly severity: SeverityClass;
}

interface CursorEntry {
  readonly id: number;
  readonly lastReceivedAt: EpochMs;
}

/** Format of the place strings of each list, as clients send them back. */
export const LIST_CURSORS = {
  alerts: new RegExp(`^(?:open-(?:${SEVERITIES.join('|')})|closed)-\\d{1,15}$`),
  deliveries: /^\d{1,15}$/,
  quarantine: /^\d{1,15}-\d{1,15}$/,
} as const;

/** The place of an episode in the list: open ones by severity, then closed ones, each newest first. */
export function alertCursor({ id, state, severity }: CursorEpisode): string {
  return state === 'open' ? `open-${severity}-${id}` : `closed-${id}`;
}

export interface AlertCursor {
  /** Of an open episode: its index in `SEVERITIES`. */
  readonly open: number | undefined;
  readonly id: number;
}

/** @param cursor as returned by `alertCursor` */
export function parseAlertCursor(cursor: string): AlertCursor {
  const [state = '', ...rest] = cursor.split('-');
  const id = Number(rest.at(-1));
  const severity = SEVERITIES.findIndex((one) => one === rest[0]);
  return { open: state === 'open' ? severity : undefined, id };
}

/** The place of a quarantine entry in the list: by its last receipt, newest first. */
export function quarantineCursor({ lastReceivedAt, id }: CursorEntry): string {
  return `${lastReceivedAt}-${id}`;
}

/** @param cursor as returned by `quarantineCursor` */
export function parseQuarantineCursor(cursor: string): CursorEntry {
  const [lastReceivedAt = 0, id = 0] = cursor.split('-').map(Number);
  return { lastReceivedAt, id };
}
