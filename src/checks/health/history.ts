import type { EpochMs } from '../../domain/clock.ts';
import type { CloudEvent } from '../../domain/event.ts';
import type { CheckState } from '../../domain/service.ts';
import { ClusterTally } from './cluster.ts';
import type { TargetView } from './run-view.ts';
import { viewText, type ServiceApiView } from './service-api-views.ts';
import { snapshotText } from './cluster-snapshot.ts';
import { alertMessages, type CheckView } from './service-views.ts';

/** The data of a `tocsin.check.*` event that the history uses. */
interface RecordedChange {
  readonly time: EpochMs;
  readonly after: CheckView;
  readonly before: CheckView;
}

/** What a snapshot shows of a service. */
interface PastServiceView {
  readonly text: string;
  readonly alertMessages: readonly string[];
}

/** A service at the moment that is being rebuilt. */
interface PastService extends PastServiceView {
  readonly checks: ReadonlyMap<string, CheckView>;
}

export interface HistoryOptions {
  /** The services as they are now. */
  readonly current: ReadonlyMap<string, ServiceApiView>;
  /** When Tocsin started; snapshots from before then have an uptime of 0. */
  readonly startedAt: EpochMs;
  /** Which services a snapshot holds: all, or the one that changed. */
  readonly services: 'all' | 'changed';
}

/**
 * Rebuilds past answers of `/cluster_health` from the state changes: one snapshot per change. It works backwards: pass
 * `tocsin.check.*` events newest first.
 */
export class PastCluster {
  /** Services that have changed since; all others are as they are now. */
  readonly #changed = new Map<string, PastService>();
  readonly #tally = new ClusterTally();
  readonly #options: HistoryOptions;
  #total: number;

  constructor(options: HistoryOptions) {
    this.#options = options;
    this.#total = options.current.size;
    for (const { checks } of options.current.values()) {
      for (const check of checks) this.#tally.add(weighed(check));
    }
  }

  /** The snapshot at a change, as JSON in pieces; nothing for an event of another version. */
  *at(event: CloudEvent): Generator<string, undefined> {
    const change = recordedChange(event);
    if (change === undefined) return;
    const { time, after, before } = change;
    const changed = this.#set(after);
    const services =
      this.#options.services === 'all' ? [...this.#all()] : [[after.service, changed] as const];
    yield* snapshotText(serviceTexts(services), {
      now: time,
      uptimeSeconds: Math.max(0, time - this.#options.startedAt) / 1_000,
      host: {},
      cluster: this.#tally.health(),
      totalServices: this.#total,
      alerts: services.flatMap(([, { alertMessages }]) => alertMessages),
    });
    this.#set(before);
  }

  *#all(): Generator<readonly [string, PastServiceView], undefined> {
    const { current } = this.#options;
    for (const [name, shown] of current) yield [name, this.#changed.get(name) ?? currentView(shown)];
    for (const [name, gone] of this.#changed) if (!current.has(name)) yield [name, gone];
  }

  /** Puts a check back into the state it was in. */
  #set(check: CheckView): PastService {
    const last = this.#checksOf(check.service);
    const replaced = last.get(check.view.target);
    if (replaced !== undefined) this.#tally.remove(weighed(replaced));
    this.#tally.add(weighed(check));
    const checks = new Map(last).set(check.view.target, check);
    const views = [...checks.values()];
    const next = { checks, text: viewText(views), alertMessages: alertMessages(views) };
    this.#changed.set(check.service, next);
    return next;
  }

  #checksOf(service: string): ReadonlyMap<string, CheckView> {
    const known = this.#changed.get(service);
    if (known !== undefined) return known.checks;
    const shown = this.#options.current.get(service);
    if (shown === undefined) this.#total += 1;
    return new Map((shown?.checks ?? []).map((check) => [check.view.target, check]));
  }
}

/** Lazy: a text that is needed has usually been made already. */
function currentView(shown: ServiceApiView): PastServiceView {
  return {
    get text() {
      return shown.view;
    },
    alertMessages: shown.alertMessages,
  };
}

/** Lazy, so that only one text is made at a time. */
function* serviceTexts(
  services: Iterable<readonly [string, PastServiceView]>,
): Generator<readonly [string, string], undefined> {
  for (const [name, service] of services) yield [name, service.text];
}

function weighed({ critical, view }: CheckView): { readonly critical: boolean; readonly state: CheckState } {
  return { critical, state: view.state };
}

function recordedChange(event: CloudEvent): RecordedChange | undefined {
  const data = event.data;
  if (!isRecord(data)) return undefined;
  const { service, target, description, critical, health, previous_health: previous } = data;
  if (typeof service !== 'string' || typeof target !== 'string') return undefined;
  if (!isTargetView(health) || !isTargetView(previous)) return undefined;
  const check = {
    service,
    name: typeof description === 'string' ? description : service,
    critical: critical === true,
  };
  return {
    time: Date.parse(event.time),
    after: { ...check, view: health },
    before: { ...check, view: previous },
  };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** Tocsin wrote the record: it is enough to check what distinguishes it from another version's. */
function isTargetView(value: unknown): value is TargetView {
  return (
    isRecord(value) &&
    typeof value['target'] === 'string' &&
    typeof value['state'] === 'string' &&
    isRecord(value['health'])
  );
}
