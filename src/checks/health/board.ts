import type { Result } from '../../domain/result.ts';
import { checkKey, type Service, type Target } from '../../domain/service.ts';
import { ClusterTally, type ClusterHealth } from './cluster.ts';
import { advance, expired, initialHealth, isStale, type CheckHealth } from './state.ts';

/** A check with what is known of it. */
export interface BoardEntry {
  readonly key: string;
  readonly service: Service;
  readonly target: Target;
  readonly health: CheckHealth;
}

/** A check that came into another state. */
export interface StateChange {
  readonly before: BoardEntry;
  readonly after: BoardEntry;
}

/** What is known of every check: replaced entry by entry, read by everybody. */
export class HealthBoard {
  #entries = new Map<string, BoardEntry>();
  #tally = new ClusterTally();
  #version = 0;

  /** Another number whenever anything that is known has changed. */
  get version(): number {
    return this.#version;
  }

  /** Makes these services the ones that are watched; checks that stay keep what is known of them. */
  configure(services: readonly Service[], now: number): void {
    const next = new Map<string, BoardEntry>();
    for (const service of services) {
      for (const target of service.targets) {
        const key = checkKey(service.name, target.label);
        const health = this.#entries.get(key)?.health ?? initialHealth(now);
        next.set(key, { key, service, target, health });
      }
    }
    this.#entries = next;
    this.#version += 1;
    this.#tally = new ClusterTally();
    for (const entry of next.values()) this.#tally.add(weighed(entry));
  }

  /** Goes on from what was known before a restart, unless the check has run since or it is too old; whether it did. */
  restore(key: string, health: CheckHealth, now: number): boolean {
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.health.last !== undefined) return false;
    const fromTheFuture = (health.last?.startedAt ?? 0) > now;
    if (fromTheFuture || isStale(health, entry.service.intervalMs, now)) return false;
    this.#replace(entry, health);
    return true;
  }

  /** Takes in a result; answers the entry after it and whether its state changed. Unknown keys are ignored. */
  record(key: string, result: Result): StateChange | undefined {
    const before = this.#entries.get(key);
    return before && this.#replace(before, advance(before.health, result, before.service));
  }

  /** Lets what is too old go; answers the checks whose state became `unknown`. */
  expire(now: number): StateChange[] {
    const changes: StateChange[] = [];
    for (const entry of this.#entries.values()) {
      if (isStale(entry.health, entry.service.intervalMs, now))
        changes.push(this.#replace(entry, expired(entry.health, now)));
    }
    return changes;
  }

  entry(key: string): BoardEntry | undefined {
    return this.#entries.get(key);
  }

  entries(): BoardEntry[] {
    return [...this.#entries.values()];
  }

  cluster(): ClusterHealth {
    return this.#tally.health();
  }

  #replace(before: BoardEntry, health: CheckHealth): StateChange {
    const after = { ...before, health };
    this.#tally.remove(weighed(before));
    this.#tally.add(weighed(after));
    this.#entries.set(before.key, after);
    this.#version += 1;
    return { before, after };
  }
}

function weighed({ service, health }: BoardEntry) {
  return { critical: service.critical, state: health.state };
}
