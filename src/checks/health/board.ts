import type { EpochMs } from '../../domain/clock.ts';
import type { Result } from '../../domain/result.ts';
import { checkKey, type Service, type Target } from '../../domain/service.ts';
import { ClusterTally, type ClusterHealth } from './cluster.ts';
import { applyResult, expiredHealth, initialHealth, isStale, type CheckHealth } from './check-health.ts';

/** A check and its health. */
export interface BoardEntry {
  readonly key: string;
  readonly service: Service;
  readonly target: Target;
  readonly health: CheckHealth;
}

/** A check whose state changed. */
export interface StateChange {
  readonly before: BoardEntry;
  readonly after: BoardEntry;
}

/** The health of every check; entries are replaced, never changed. */
export class HealthBoard {
  #entries = new Map<string, BoardEntry>();
  #tally = new ClusterTally();
  #version = 0;

  /** Changes whenever an entry does. */
  get version(): number {
    return this.#version;
  }

  /** Replaces the services that are probed; checks that stay keep their health. */
  configure(services: readonly Service[], now: EpochMs): void {
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

  /**
   * Continues from the health before a restart, unless the check has run since or it is too old; returns whether it
   * did.
   */
  restore(key: string, health: CheckHealth, now: EpochMs): boolean {
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.health.last !== undefined) return false;
    const fromTheFuture = (health.last?.startedAt ?? 0) > now;
    if (fromTheFuture || isStale(health, entry.service.intervalMs, now)) return false;
    this.#replace(entry, health);
    return true;
  }

  /** Records a result; returns the new entry and whether its state changed. Unknown keys are ignored. */
  record(key: string, result: Result): StateChange | undefined {
    const before = this.#entries.get(key);
    return before && this.#replace(before, applyResult(before.health, result, before.service));
  }

  /** Expires what is too old; returns the checks whose state became `unknown`. */
  expire(now: EpochMs): StateChange[] {
    const changes: StateChange[] = [];
    for (const entry of this.#entries.values()) {
      if (isStale(entry.health, entry.service.intervalMs, now))
        changes.push(this.#replace(entry, expiredHealth(entry.health, now)));
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
