import { SEVERITIES, type SeverityClass } from '../alerts/alert.ts';

/** Rows of a list, newest first. */
export interface ListQuery {
  readonly limit: number;
  /** Those that come after this row: the id of a delivery, `quarantinePlace` of an entry. */
  readonly after?: string;
}

interface PlacedEpisode {
  readonly id: string;
  readonly state: 'open' | 'closed';
  readonly severity: SeverityClass;
}

interface PlacedEntry {
  readonly id: number;
  readonly lastReceivedAt: number;
}

/** Places in lists, as clients hand them back; what a place of each list looks like. */
export const LIST_PLACES = {
  alerts: new RegExp(`^(?:open-(?:${SEVERITIES.join('|')})|closed)-\\d{1,15}$`),
  deliveries: /^\d{1,15}$/,
  quarantine: /^\d{1,15}-\d{1,15}$/,
} as const;

/** The place of an episode among all: open ones by severity, then closed ones, each newest first. */
export function alertPlace({ id, state, severity }: PlacedEpisode): string {
  return state === 'open' ? `open-${severity}-${id}` : `closed-${id}`;
}

export interface AlertPlace {
  /** Of an open episode: its place in `SEVERITIES`. */
  readonly open: number | undefined;
  readonly id: number;
}

/** @param place as `alertPlace` gives it */
export function parseAlertPlace(place: string): AlertPlace {
  const [state = '', ...rest] = place.split('-');
  const id = Number(rest.at(-1));
  const severity = SEVERITIES.findIndex((one) => one === rest[0]);
  return { open: state === 'open' ? severity : undefined, id };
}

/** The place of an entry of the quarantine: by when it came last, newest first. */
export function quarantinePlace({ lastReceivedAt, id }: PlacedEntry): string {
  return `${lastReceivedAt}-${id}`;
}

/** @param place as `quarantinePlace` gives it */
export function parseQuarantinePlace(place: string): PlacedEntry {
  const [lastReceivedAt = 0, id = 0] = place.split('-').map(Number);
  return { lastReceivedAt, id };
}
