import { isWatchdog, type WatchdogRule, type WatchdogSighting } from '../../../alerts/watchdog.ts';
import type { EpochMs } from '../../../domain/clock.ts';
import type { LabelSet } from '../../../domain/labels.ts';
import type { MetaTable } from '../database/meta-table.ts';

interface WatchedWatchdog {
  readonly rule: WatchdogRule;
  seenAt: EpochMs | undefined;
  /** Ids of its open episodes. */
  readonly open: Set<number>;
}

/** When each watchdog was last delivered: stored with its delivery, so that it is known after a restart. */
export class WatchdogSightings {
  readonly #meta: MetaTable;
  #watched: readonly WatchedWatchdog[] = [];
  readonly #uncommitted: { readonly watched: WatchedWatchdog; readonly at: EpochMs }[] = [];

  constructor(meta: MetaTable) {
    this.#meta = meta;
  }

  /** Replaces the set of watchdogs; `claim` must then be called again for every open episode. */
  configure(rules: readonly WatchdogRule[]): void {
    this.#uncommitted.length = 0;
    this.#watched = rules.map((rule) => {
      const seenAt = this.#meta.getNumber(keyOf(rule));
      return { rule, seenAt: seenAt === 0 ? undefined : seenAt, open: new Set() };
    });
  }

  /** An alert was delivered as firing. Only within a transaction. */
  recordFiring(labels: LabelSet, at: EpochMs): void {
    for (const watched of this.#watched) {
      if (!isWatchdog(watched.rule, labels)) continue;
      this.#meta.setNumber(keyOf(watched.rule), at);
      this.#uncommitted.push({ watched, at });
    }
  }

  /** An episode opened or closed. @returns whether it is a watchdog's */
  claim({ id, open, labels }: { id: number; open: boolean; labels: LabelSet }): boolean {
    let any = false;
    for (const watched of this.#watched) {
      const mine = isWatchdog(watched.rule, labels);
      if (mine && open) watched.open.add(id);
      else watched.open.delete(id);
      any ||= mine;
    }
    return any;
  }

  savepoint(): () => void {
    const { length } = this.#uncommitted;
    return () => {
      this.#uncommitted.length = length;
    };
  }

  /** Call after the commit. */
  applyCommitted(): void {
    for (const { watched, at } of this.#uncommitted) watched.seenAt = at;
    this.#uncommitted.length = 0;
  }

  summary(): readonly WatchdogSighting[] {
    return this.#watched.map(({ rule, seenAt, open }) => ({
      name: rule.name,
      lastSeenAt: seenAt,
      firing: open.size > 0,
    }));
  }
}

function keyOf({ name }: WatchdogRule): string {
  return `watchdog_seen:${name}`;
}
