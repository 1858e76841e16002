import type { EpochMs } from '../domain/clock.ts';
import type { CheckState, Service, Target } from '../domain/service.ts';
import { CHECK_STATES, checkLabels } from '../domain/service.ts';
import type { Result } from '../domain/result.ts';
import type { SeriesGroup, SeriesTable } from '../exposition/table/series-table.ts';
import { CHECK, CLUSTER } from './check-families.ts';
import { sample, type Family, type Labels, type Sample } from './family.ts';
import { Histogram } from './histogram.ts';
import { ObservedTime } from './observed-time.ts';

/** Upper bounds of `tocsin_probe_run_duration_seconds`, seconds. */
const DURATION_BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30];

/** More than phases, results, reasons and states together; only labels named by settings can have more values. */
const MAX_LABEL_SETS = 50;

/** What the metrics need of a run. */
export type MeasuredResult = Result & { readonly samples: readonly Sample[] };

/** The series of one check. Counters exist as long as the check; per-run values expire. */
export class CheckMetrics {
  readonly #labels: Labels;
  /** Label sets with one more label, by that label: created once, since the table compares identical objects cheaply. */
  readonly #labelSets = new Map<string, Labels>();
  readonly #info: SeriesGroup;
  readonly #totals: SeriesGroup;
  readonly #lastRun: SeriesGroup;
  readonly #critical: boolean;
  readonly #native: () => boolean;
  readonly #durations = new Histogram(DURATION_BOUNDS);
  readonly #runs = { success: 0, failure: 0, unknown: 0 };
  readonly #failures = new Map<string, number>();
  readonly #unknowns = new Map<string, number>();
  #state: CheckState = 'unknown';
  readonly #time = new ObservedTime();
  #lastConclusiveAt: EpochMs | undefined;
  #lastSuccessAt: EpochMs | undefined;

  /** @param native whether native buckets are exposed as well; asked at each run */
  constructor(table: SeriesTable, service: Service, target: Target, native: () => boolean) {
    this.#native = native;
    this.#critical = service.critical;
    this.#labels = {
      ...checkLabels(service, target),
      service: service.name,
      target: target.label,
      prober: service.prober,
      ...(service.group !== undefined && { group: service.group }),
    };
    this.#info = table.group('checks');
    this.#totals = table.group('checks');
    this.#lastRun = table.group('checks');
    this.#writeInfo();
    this.#writeTotals();
  }

  /** Records a finished run. @param intervalMs the configured interval of the check, not the adapted one */
  record(result: MeasuredResult, intervalMs: number): void {
    const { status } = result.verdict;
    this.#runs[status] += 1;
    this.#time.add(status, result.startedAt, intervalMs);
    if (result.verdict.status === 'unknown') {
      count(this.#unknowns, result.verdict.reason);
    } else {
      if (result.verdict.status === 'failure') count(this.#failures, result.verdict.reason);
      else this.#lastSuccessAt = result.startedAt;
      this.#lastConclusiveAt = result.startedAt;
      this.#observe(result);
      this.#writeLastRun(result);
    }
    this.#writeTotals();
  }

  /** Restores per-run values from before a restart. Counters begin at 0, and the time in between is not counted. */
  restore(last: MeasuredResult, lastSuccessAt: EpochMs | undefined): void {
    this.#lastConclusiveAt = last.startedAt;
    this.#lastSuccessAt = lastSuccessAt;
    this.#writeLastRun(last);
    this.#writeTotals();
  }

  setState(state: CheckState): void {
    this.#state = state;
    this.#writeInfo();
  }

  /** Removes per-run values that are too old. */
  expire(): void {
    this.#lastRun.clear();
    this.#time.forget();
  }

  /** Removes every series of the check. */
  remove(): void {
    this.#info.clear();
    this.#totals.clear();
    this.#lastRun.clear();
  }

  #writeLastRun({ verdict, samples }: MeasuredResult): void {
    const success = sample(CHECK.success, verdict.status === 'success' ? 1 : 0);
    this.#lastRun.replace(this.#labelled([success, ...samples]));
  }

  #observe({ startedAt, durationSeconds, runId }: Result): void {
    const at = Math.round(startedAt + durationSeconds * 1_000);
    const exemplar = runId === undefined ? {} : { exemplar: { run_id: runId } };
    this.#durations.observe(durationSeconds, { at, ...exemplar });
  }

  #writeInfo(): void {
    const states = CHECK_STATES.map((state) => sample(CHECK.state, state === this.#state ? 1 : 0, { state }));
    this.#info.replace(
      this.#labelled([sample(CHECK.info, 1, { critical: String(this.#critical) }), ...states]),
    );
  }

  #writeTotals(): void {
    const runs = Object.entries(this.#runs).map(([result, n]) => sample(CHECK.runs, n, { result }));
    this.#totals.replace(
      this.#labelled([
        ...runs,
        ...byReason(CHECK.failures, this.#failures),
        ...byReason(CHECK.unknowns, this.#unknowns),
        sample(CHECK.runDuration, this.#durations.value(this.#native())),
        sample(CHECK.observedSeconds, this.#time.observedSeconds),
        sample(CHECK.failingSeconds, this.#time.failingSeconds),
        ...timestamp(CHECK.lastRun, this.#lastConclusiveAt),
        ...timestamp(CHECK.lastSuccess, this.#lastSuccessAt),
      ]),
    );
  }

  /** The check's own labels override those named by settings (`probe_expect_info`). */
  #labelled(samples: readonly Sample[]): Sample[] {
    return samples.map(({ family, labels, value }) => ({ family, value, labels: this.#with(labels) }));
  }

  #with(own: Labels): Labels {
    const [name, second] = Object.keys(own);
    if (name === undefined) return this.#labels;
    const key = second === undefined ? `${name}=${own[name] ?? ''}` : undefined;
    const known = key === undefined ? undefined : this.#labelSets.get(key);
    if (known !== undefined) return known;
    const labels = { ...this.#labels, ...own, ...this.#labels };
    if (key !== undefined && this.#labelSets.size < MAX_LABEL_SETS) this.#labelSets.set(key, labels);
    return labels;
  }
}

/** The series of the cluster: its state and health ratio. */
export class ClusterMetrics {
  readonly #group: SeriesGroup;

  constructor(table: SeriesTable) {
    this.#group = table.group('checks');
  }

  set(state: CheckState, ratio: number): void {
    const states = CHECK_STATES.filter((one) => one !== 'unknown');
    this.#group.replace([
      ...states.map((one) => sample(CLUSTER.state, one === state ? 1 : 0, { state: one })),
      sample(CLUSTER.ratio, ratio),
    ]);
  }
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function byReason(family: Family, counts: ReadonlyMap<string, number>): Sample[] {
  return [...counts].map(([reason, n]) => sample(family, n, { reason }));
}

function timestamp(family: Family, ms: number | undefined): Sample[] {
  return ms === undefined ? [] : [sample(family, ms / 1_000)];
}
