import { isWatchdog, type WatchdogRule, type WatchdogSighting } from '../../../alerts/watchdog.ts';
import type { EpochMs } from '../../../domain/clock.ts';
import type { LabelSet } from '../../../domain/labels.ts';
import type { Meta } from '../database/meta.ts';

interface Watched {
  readonly rule: WatchdogRule;
  seenAt: EpochMs | undefined;
  /** Ids of its open episodes. */
  readonly open: Set<number>;
}

/** When each watchdog was last delivered: stored with its delivery, so that it is known after a restart. */
export class WatchdogSightings {
  readonly #meta: Meta;
  #watched: readonly Watched[] = [];
  readonly #waiting: { readonly watched: Watched; readonly at: EpochMs }[] = [];

  constructor(meta: Meta) {
    this.#meta = meta;
  }

  /** Replaces the set of watchdogs; `follow` must then be called again for every open episode. */
  configure(rules: readonly WatchdogRule[]): void {
    this.#waiting.length = 0;
    this.#watched = rules.map((rule) => {
      const seenAt = this.#meta.number(keyOf(rule));
      return { rule, seenAt: seenAt === 0 ? undefined : seenAt, open: new Set() };
    });
  }

  /** An alert was delivered as firing. Only within a transaction. */
  see(labels: LabelSet, at: EpochMs): void {
    for (const watched of this.#watched) {
      if (!isWatchdog(watched.rule, labels)) continue;
      this.#meta.set(keyOf(watched.rule), at);
      this.#waiting.push({ watched, at });
    }
  }

  /** An episode opened or closed. @returns whether it is a watchdog's */
  follow({ id, open, labels }: { id: number; open: boolean; labels: LabelSet }): boolean {
    let any = false;
    for (const watched of this.#watched) {
      const mine = isWatchdog(watched.rule, labels);
      if (mine && open) watched.open.add(id);
      else watched.open.delete(id);
      any ||= mine;
    }
    return any;
  }

  mark(): () => void {
    const { length } = this.#waiting;
    return () => {
      this.#waiting.length = length;
    };
  }

  /** Call after the commit. */
  apply(): void {
    for (const { watched, at } of this.#waiting) watched.seenAt = at;
    this.#waiting.length = 0;
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
