import { SEVERITIES, type SeverityClass } from '../../../alerts/alert.ts';
import type { EpochMs } from '../../../domain/clock.ts';
import type { LabelSet } from '../../../domain/labels.ts';
import type { LedgerSummary, UnacknowledgedSeries } from '../../ledger.ts';
import { ByteMap } from './byte-map.ts';

/** The part of an open episode that the summary needs. */
export interface OpenEpisode {
  readonly id: number;
  readonly severity: SeverityClass;
  readonly acknowledged: boolean;
  /** Undefined if unreadable: the episode is left out then. */
  readonly labels: LabelSet | undefined;
  /** First receipt. */
  readonly since: EpochMs;
}

/** An episode after a transition. */
export interface EpisodeChange extends OpenEpisode {
  readonly labels: LabelSet;
  readonly open: boolean;
}

/** Whether an episode's Alertmanagers suppress its notifications. */
interface SuppressionChange {
  readonly id: number;
  readonly suppressed: boolean;
}

/** Reads from the file what is not kept in memory. */
interface OpenEpisodeSource {
  /** Ordered by severity and age. */
  readonly all: () => Iterable<OpenEpisode>;
  /** Undefined if it is not open. */
  readonly one: (id: number) => OpenEpisode | undefined;
}

/** Claims the episodes of watchdogs. */
interface WatchdogEpisodes {
  /** @returns whether it is a watchdog's */
  readonly claim: (change: Pick<EpisodeChange, 'id' | 'open' | 'labels'>) => boolean;
}

interface Series {
  readonly key: string;
  readonly identity: Omit<UnacknowledgedSeries, 'since'>;
  /** First receipt of each open, unacknowledged episode. */
  readonly members: Map<number, number>;
  /** Undefined after the oldest has left: recomputed only when needed, since thousands may leave at once. */
  oldest: EpochMs | undefined;
}

interface Options {
  /** Limit for the series; alerts beyond it are only counted. */
  readonly maxSeries: number;
  readonly source: OpenEpisodeSource;
  readonly watchdogs?: WatchdogEpisodes;
}

/**
 * Counts what is open, so that a scrape needs no disk access. Watchdogs and alerts with an `escalation` label are left
 * out. There may be millions of episodes: only a byte is kept for each, and more only for those in a series.
 */
export class OpenAlerts {
  readonly #options: Options;
  /** `flags` of every open episode that counts. */
  readonly #flags = new ByteMap();
  readonly #counts = new Map<string, { severity: SeverityClass; acknowledged: boolean; count: number }>();
  readonly #series = new Map<string, Series>();
  readonly #seriesOf = new Map<number, Series>();
  readonly #uncommitted: (EpisodeChange | SuppressionChange)[] = [];
  readonly #suppressed = new Set<number>();
  #overflow = 0;

  constructor(options: Options) {
    this.#options = options;
  }

  /** Recounts all open episodes. Never within a transaction. */
  rebuild(suppressed: Iterable<number>): void {
    for (const map of [this.#flags, this.#counts, this.#series, this.#seriesOf]) map.clear();
    this.#suppressed.clear();
    this.#overflow = 0;
    for (const id of suppressed) this.#suppressed.add(id);
    for (const episode of this.#options.source.all()) {
      // field by field: a spread would read the labels a second time
      const { id, severity, acknowledged, since, labels } = episode;
      if (labels !== undefined) this.#applyChange({ id, severity, acknowledged, since, labels, open: true });
    }
  }

  /** An episode was suppressed by its Alertmanagers, or no longer is; pending until `applyCommitted`, like a change. */
  setSuppressed(id: number, suppressed: boolean): void {
    this.#uncommitted.push({ id, suppressed });
  }

  /** Records a change; it counts from `applyCommitted` on, so that nothing that is rolled back is counted. */
  recordChange(change: EpisodeChange): void {
    this.#uncommitted.push(change);
  }

  savepoint(): () => void {
    const { length } = this.#uncommitted;
    return () => {
      this.#uncommitted.length = length;
    };
  }

  applyCommitted(): void {
    for (const change of this.#uncommitted) {
      if ('suppressed' in change) this.#applySuppression(change);
      else this.#applyChange(change);
    }
    this.#uncommitted.length = 0;
    if (this.#overflow > 0 && this.#series.size < this.#options.maxSeries) this.#addOverflowing();
  }

  summary(): Pick<LedgerSummary, 'open' | 'unacknowledged' | 'unacknowledgedOverflow'> {
    return {
      open: [...this.#counts.values()].map((one) => ({ ...one })),
      unacknowledged: [...this.#series.values()].map((one) => ({ ...one.identity, since: oldest(one) })),
      unacknowledgedOverflow: this.#overflow,
    };
  }

  #applyChange(change: EpisodeChange): void {
    this.#remove(change.id);
    const isWatchdog = this.#options.watchdogs?.claim(change) ?? false;
    if (!change.open || isWatchdog || change.labels['escalation'] !== undefined) return;
    const { id, severity, acknowledged } = change;
    this.#flags.set(id, flagsOf(severity, acknowledged));
    this.#count(severity, acknowledged, 1);
    if (!acknowledged && !this.#suppressed.has(id)) this.#addToSeries(change);
  }

  #applySuppression({ id, suppressed }: SuppressionChange): void {
    if (suppressed) {
      this.#suppressed.add(id);
      this.#removeFromSeries(id);
    } else if (this.#suppressed.delete(id) && this.#flags.get(id) > 0) {
      const episode = this.#options.source.one(id);
      if (episode?.acknowledged === false) this.#addToSeries(episode);
    }
  }

  #remove(id: number): void {
    const was = this.#flags.get(id);
    if (was === 0) return;
    this.#removeFromSeries(id);
    this.#flags.set(id, 0);
    this.#count(severityOf(was), (was & ACKNOWLEDGED) > 0, -1);
  }

  #count(severity: SeverityClass, acknowledged: boolean, by: number): void {
    const key = `${severity} ${acknowledged}`;
    const counter = this.#counts.get(key) ?? { severity, acknowledged, count: 0 };
    counter.count += by;
    this.#counts.set(key, counter);
  }

  #addToSeries(episode: OpenEpisode): void {
    const { id, since } = episode;
    const series = this.#seriesFor(episode);
    if (series === undefined) {
      this.#overflow++;
      this.#flags.set(id, this.#flags.get(id) | OVERFLOWING);
      return;
    }
    series.members.set(id, since);
    if (series.oldest !== undefined) series.oldest = Math.min(series.oldest, since);
    this.#seriesOf.set(id, series);
  }

  /** The series of an episode; undefined if the limit on series is reached. */
  #seriesFor({ labels, severity, since }: OpenEpisode): Series | undefined {
    const { alertname = '', service = '', instance = '' } = labels ?? {};
    const key = JSON.stringify([alertname, severity, service, instance]);
    const known = this.#series.get(key);
    if (known !== undefined || this.#series.size >= this.#options.maxSeries) return known;
    const identity = { alertname, severity, service, instance };
    const series: Series = { key, identity, members: new Map(), oldest: since };
    this.#series.set(key, series);
    return series;
  }

  #removeFromSeries(id: number): void {
    const was = this.#flags.get(id);
    if ((was & OVERFLOWING) > 0) {
      this.#overflow--;
      this.#flags.set(id, was & ~OVERFLOWING);
    }
    const series = this.#seriesOf.get(id);
    if (series === undefined) return;
    this.#seriesOf.delete(id);
    const since = series.members.get(id);
    series.members.delete(id);
    if (series.members.size === 0) this.#series.delete(series.key);
    else if (since === series.oldest) series.oldest = undefined;
  }

  /** There is room again: fills it with episodes that were left out. */
  #addOverflowing(): void {
    const { source, maxSeries } = this.#options;
    for (const episode of source.all()) {
      if ((this.#flags.get(episode.id) & OVERFLOWING) === 0) continue;
      this.#removeFromSeries(episode.id);
      this.#addToSeries(episode);
      if (this.#overflow === 0 || this.#series.size >= maxSeries) return;
    }
  }
}

/** Bits of `flags`; the higher bits hold the severity, counted from 1. */
const ACKNOWLEDGED = 1;
/** It is in no series because the limit is reached. */
const OVERFLOWING = 2;

function flagsOf(severity: SeverityClass, acknowledged: boolean): number {
  return (SEVERITIES.indexOf(severity) + 1) * 4 + (acknowledged ? ACKNOWLEDGED : 0);
}

function severityOf(flags: number): SeverityClass {
  return SEVERITIES[(flags >> 2) - 1] ?? 'other';
}

function oldest(series: Series): number {
  series.oldest ??= [...series.members.values()].reduce((a, b) => Math.min(a, b));
  return series.oldest;
}
