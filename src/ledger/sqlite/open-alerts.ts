import type { SeverityClass } from '../../domain/alert.ts';
import type { LabelSet } from '../../domain/labels.ts';
import type { LedgerSummary, UnacknowledgedSeries } from '../ledger.ts';

/** How an episode stands after a transition, as far as the summary needs it. */
export interface EpisodeChange {
  readonly id: number;
  readonly open: boolean;
  readonly severity: SeverityClass;
  readonly acknowledged: boolean;
  readonly labels: LabelSet;
  /** First receipt, milliseconds since the epoch. */
  readonly since: number;
}

interface Entry {
  readonly severity: SeverityClass;
  readonly acknowledged: boolean;
  readonly series: Series | undefined;
}

interface Series {
  readonly key: string;
  readonly identity: Omit<UnacknowledgedSeries, 'since'>;
  /** First receipt of each open, unacknowledged episode. */
  readonly members: Map<number, number>;
  /** Undefined when the oldest has left: it is sought when somebody asks, for thousands may leave at once. */
  oldest: number | undefined;
}

/** Counts what is open, so that a scrape asks no disk. Alerts that carry `escalation` are left out. */
export class OpenAlerts {
  readonly #maxSeries: number;
  readonly #entries = new Map<number, Entry>();
  readonly #counts = new Map<string, { severity: SeverityClass; acknowledged: boolean; count: number }>();
  readonly #series = new Map<string, Series>();
  readonly #waiting: EpisodeChange[] = [];

  constructor(maxSeries: number) {
    this.#maxSeries = maxSeries;
  }

  /** A change counts when it is on disk: it waits for `apply`, and what is rolled back is never counted. */
  note(change: EpisodeChange): void {
    this.#waiting.push(change);
  }

  mark(): () => void {
    const { length } = this.#waiting;
    return () => {
      this.#waiting.length = length;
    };
  }

  apply(): void {
    for (const change of this.#waiting) {
      this.#remove(change.id);
      if (change.open && change.labels['escalation'] === undefined) this.#add(change);
    }
    this.#waiting.length = 0;
  }

  summary(): Pick<LedgerSummary, 'open' | 'unacknowledged' | 'unacknowledgedOverflow'> {
    const unacknowledged: UnacknowledgedSeries[] = [];
    for (const series of this.#series.values()) {
      if (unacknowledged.length === this.#maxSeries) break;
      unacknowledged.push({ ...series.identity, since: oldest(series) });
    }
    return {
      open: [...this.#counts.values()].map((one) => ({ ...one })),
      unacknowledged,
      unacknowledgedOverflow: this.#series.size - unacknowledged.length,
    };
  }

  #add(change: EpisodeChange): void {
    const { id, severity, acknowledged } = change;
    this.#count(severity, acknowledged, 1);
    this.#entries.set(id, { severity, acknowledged, series: acknowledged ? undefined : this.#join(change) });
  }

  #remove(id: number): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#entries.delete(id);
    this.#count(entry.severity, entry.acknowledged, -1);
    if (entry.series !== undefined) this.#leave(entry.series, id);
  }

  #count(severity: SeverityClass, acknowledged: boolean, by: number): void {
    const key = `${severity} ${acknowledged}`;
    const counter = this.#counts.get(key) ?? { severity, acknowledged, count: 0 };
    counter.count += by;
    this.#counts.set(key, counter);
  }

  #join({ id, severity, labels, since }: EpisodeChange): Series {
    const { alertname = '', service = '', instance = '' } = labels;
    const key = JSON.stringify([alertname, severity, service, instance]);
    const identity = { alertname, severity, service, instance };
    const known = this.#series.get(key);
    if (known !== undefined) {
      known.members.set(id, since);
      if (known.oldest !== undefined) known.oldest = Math.min(known.oldest, since);
      return known;
    }
    const series: Series = { key, identity, members: new Map([[id, since]]), oldest: since };
    this.#series.set(key, series);
    return series;
  }

  #leave(series: Series, id: number): void {
    const since = series.members.get(id);
    series.members.delete(id);
    if (series.members.size === 0) {
      this.#series.delete(series.key);
    } else if (since === series.oldest) {
      series.oldest = undefined;
    }
  }
}

function oldest(series: Series): number {
  series.oldest ??= [...series.members.values()].reduce((a, b) => Math.min(a, b));
  return series.oldest;
}
