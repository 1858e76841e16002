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
  readonly identity: Series['identity'];
  readonly since: number;
  series: Series | undefined;
}

/** Whether an episode's Alertmanagers keep it from people. */
interface SuppressionChange {
  readonly id: number;
  readonly suppressed: boolean;
}

/** Takes the episodes of watchdogs for itself. */
interface Watchdogs {
  /** @returns whether it is a watchdog's */
  readonly follow: (change: Pick<EpisodeChange, 'id' | 'open' | 'labels'>) => boolean;
}

interface Series {
  readonly key: string;
  readonly identity: Omit<UnacknowledgedSeries, 'since'>;
  /** First receipt of each open, unacknowledged episode. */
  readonly members: Map<number, number>;
  /** Undefined when the oldest has left: it is sought when somebody asks, for thousands may leave at once. */
  oldest: number | undefined;
}

/** Counts what is open, so that a scrape asks no disk. Watchdogs and alerts that carry `escalation` are left out. */
export class OpenAlerts {
  readonly #maxSeries: number;
  readonly #entries = new Map<number, Entry>();
  readonly #counts = new Map<string, { severity: SeverityClass; acknowledged: boolean; count: number }>();
  readonly #series = new Map<string, Series>();
  readonly #waiting: (EpisodeChange | SuppressionChange)[] = [];
  readonly #suppressed = new Set<number>();
  readonly #watchdogs: Watchdogs | undefined;

  constructor(maxSeries: number, watchdogs?: Watchdogs) {
    this.#maxSeries = maxSeries;
    this.#watchdogs = watchdogs;
  }

  /** Begins anew with what is open. Never within a transaction. */
  restart(open: Iterable<Omit<EpisodeChange, 'open'>>, suppressed: Iterable<number>): void {
    this.#entries.clear();
    this.#counts.clear();
    this.#series.clear();
    this.#suppressed.clear();
    for (const id of suppressed) this.#suppressed.add(id);
    for (const episode of open) this.note({ ...episode, open: true });
    this.apply();
  }

  /** An episode's Alertmanagers tell nobody of it, or do so again; waits like a change. */
  suppress(id: number, suppressed: boolean): void {
    this.#waiting.push({ id, suppressed });
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
      if ('suppressed' in change) this.#suppress(change);
      else this.#change(change);
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

  #change(change: EpisodeChange): void {
    this.#remove(change.id);
    const isWatchdog = this.#watchdogs?.follow(change) ?? false;
    if (change.open && !isWatchdog && change.labels['escalation'] === undefined) this.#add(change);
  }

  #suppress({ id, suppressed }: SuppressionChange): void {
    if (suppressed) this.#suppressed.add(id);
    else this.#suppressed.delete(id);
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    if (entry.series !== undefined) this.#leave(entry.series, id);
    entry.series = this.#seriesOf(id, entry);
  }

  #add({ id, severity, acknowledged, labels, since }: EpisodeChange): void {
    this.#count(severity, acknowledged, 1);
    const { alertname = '', service = '', instance = '' } = labels;
    const identity = { alertname, severity, service, instance };
    const entry: Entry = { severity, acknowledged, identity, since, series: undefined };
    entry.series = this.#seriesOf(id, entry);
    this.#entries.set(id, entry);
  }

  #seriesOf(id: number, entry: Entry): Series | undefined {
    return entry.acknowledged || this.#suppressed.has(id) ? undefined : this.#join(id, entry);
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

  #join(id: number, { identity, since }: Entry): Series {
    const { alertname, severity, service, instance } = identity;
    const key = JSON.stringify([alertname, severity, service, instance]);
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
