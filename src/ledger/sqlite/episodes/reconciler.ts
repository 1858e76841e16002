import type { Statement } from 'better-sqlite3';
import type {
  EpisodeToReconcile,
  ListedAlert,
  ReconciliationMemory,
  ReconciliationPlan,
  Suppression,
} from '../../../alerts/reconciliation-types.ts';
import { parseAlertList } from '../../../alerts/parse-alert-list.ts';
import { reconcile, wasExpired } from '../../../alerts/reconcile.ts';
import { receiversOfWebhook } from '../../../alerts/alertmanager-routing.ts';
import type { EpochMs } from '../../../domain/clock.ts';
import { toNanoseconds } from '../../../domain/instant.ts';
import type { AlertRules } from '../../ledger.ts';
import type { AlertmanagerSnapshot, ReconcileResult } from '../../alertmanager-snapshot.ts';
import type { AlertActions } from './alert-actions.ts';
import { fingerprintFromNumber } from './episode-row.ts';
import type { EpisodeStore } from './episode-store.ts';
import type { StringTable } from '../database/string-table.ts';
import type { UnreadableRows } from '../../unreadable-rows.ts';
import type { OpenAlerts } from './open-alerts.ts';
import type { Sqlite } from '../database/open-database.ts';
import type { ReceiverNames } from '../intake/receiver-names.ts';
import { rowValidator } from '../database/row-shape.ts';
import type { SuppressedStore } from './suppressed-store.ts';

interface ReconcilerOptions {
  readonly database: Sqlite;
  readonly strings: StringTable;
  readonly actions: AlertActions;
  readonly open: OpenAlerts;
  readonly suppressed: SuppressedStore;
  readonly rules: () => AlertRules;
  readonly episodes: Pick<EpisodeStore, 'latest'>;
  readonly receivers: Pick<ReceiverNames, 'namesOf'>;
  readonly unreadable: UnreadableRows;
  /** Runs a function within a commit. */
  readonly submit: <T>(run: () => T) => Promise<T>;
  /** Resolves when episodes may be written: not while a large delivery holds some of them. */
  readonly ready: () => Promise<unknown>;
}

interface KnownRow {
  readonly id: bigint;
  readonly fingerprint: bigint;
  readonly open: bigint;
  readonly last_received: bigint;
  readonly reason: Suppression | null;
}

/** Episodes read, or changed, at a time. */
const SLICE = 500;
/** Limit for the alert names, and for the receivers, that are reported. */
const MAX_EXAMPLES = 5;
const EMPTY_MEMORY = { absentSince: new Map<number, number>(), deliverableSince: new Map<string, number>() };

/** Repairs the episodes of a webhook by comparing them with the alerts of its Alertmanagers. */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #ids: Statement<[], number>;
  readonly #known: Statement<[string, number], KnownRow>;
  /** By webhook. */
  readonly #memory = new Map<string, ReconciliationMemory>();
  /** By webhook: the open episodes that were in its last lists. */
  readonly #lastListed = new Map<string, { readonly at: EpochMs; readonly episodes: ReadonlySet<number> }>();

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#ids = options.database
      .prepare<[], number>(
        'SELECT id FROM episodes WHERE open = 1 UNION SELECT id FROM episodes WHERE timer IS NOT NULL',
      )
      .pluck();
    this.#known = options.database
      .prepare<[string, number], KnownRow>(
        `SELECT e.id, e.fingerprint, e.open, e.last_received, s.reason
         FROM episodes e LEFT JOIN suppressed s ON s.episode = e.id
         WHERE e.id IN (SELECT value FROM json_each(?)) AND e.webhook = ?
         AND (e.open = 1 OR e.suspect_until IS NOT NULL)`,
      )
      .safeIntegers();
  }

  async reconcile({
    webhook,
    requestedAt,
    complete,
    responses,
  }: AlertmanagerSnapshot): Promise<ReconcileResult> {
    const { receivers, rules, ready } = this.#options;
    const listed: (readonly ListedAlert[])[] = [];
    for (const { name, body, groups, receivers: clues } of responses) {
      const parsed = parseAlertList({ body, groups }, receiversOfWebhook(clues, receivers.namesOf(webhook)));
      if (!parsed.ok) return { outcome: 'malformed', name, detail: parsed.detail };
      listed.push(parsed.alerts);
    }
    await ready();
    const { settleMs = Number.POSITIVE_INFINITY, warmUpMs = 0 } = rules().senders[webhook] ?? {};
    const starts = responses.map(({ startedAt }) => startedAt ?? Number.POSITIVE_INFINITY);
    const startedAt = Math.max(...starts);
    const plan = reconcile(await this.#read(webhook), listed, {
      requestedAt,
      complete,
      warmingUp: !(requestedAt - startedAt > warmUpMs),
      startedAt,
      settleMs,
      memory: this.#memory.get(webhook) ?? { since: requestedAt, ...EMPTY_MEMORY },
    });
    this.#memory.set(webhook, plan.memory);
    this.#lastListed.set(webhook, { at: requestedAt, episodes: new Set(plan.present) });
    const repaired = await this.#apply(plan, { webhook, at: requestedAt });
    return { outcome: 'reconciled', drift: plan.drift, missing: examplesOf(plan.missing), repaired };
  }

  /** When an open episode was last in a list; undefined: never. */
  lastListedAt(webhook: string, episode: number): EpochMs | undefined {
    const last = this.#lastListed.get(webhook);
    return last?.episodes.has(episode) === true ? last.at : undefined;
  }

  /** Deletes suppressions that have ended, or can no longer be checked. */
  async deleteObsoleteSuppressions(): Promise<void> {
    const { suppressed, open, strings, rules, submit } = this.#options;
    const asked = (webhook: number) => rules().senders[strings.name(webhook)]?.settleMs !== undefined;
    if (suppressed.obsolete(asked).length === 0) return;
    await submit(() => {
      for (const id of suppressed.obsolete(asked)) {
        suppressed.set(id, undefined);
        open.setSuppressed(id, false);
      }
    });
  }

  async #read(webhook: string): Promise<readonly EpisodeToReconcile[]> {
    const number = this.#options.strings.known(webhook);
    const known: EpisodeToReconcile[] = [];
    if (number === undefined) return known;
    const ids = this.#ids.all();
    for (let i = 0; i < ids.length; i += SLICE) {
      const rows = this.#known.all(JSON.stringify(ids.slice(i, i + SLICE)), number);
      for (const row of rows) {
        const episode = this.#options.unreadable.readOrSkip('episodes', Number(row.id), () =>
          knownEpisode(row),
        );
        if (episode !== undefined) known.push(episode);
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    return known;
  }

  async #apply(plan: ReconciliationPlan, { webhook, at }: { webhook: string; at: EpochMs }) {
    const { actions } = this.#options;
    const expired = await this.#each(plan.expire, ({ id, lastReceivedAt }) =>
      actions.applyScheduled(id, { kind: 'expire', at, lastReceivedAt, cause: 'absent' }),
    );
    const reopened = await this.#reopen(plan.unknown, webhook, at);
    const confirmed = await this.#each(plan.confirm, (id) =>
      actions.applyScheduled(id, { kind: 'confirm', at }),
    );
    await this.#each(plan.refute, (id) => actions.applyScheduled(id, { kind: 'refute', at }));
    await this.#each(plan.suppress, ({ id, reason }) => this.#suppress(id, reason));
    await this.deleteObsoleteSuppressions();
    return { expired, reopened, confirmed, refuted: plan.refute.length };
  }

  /** Reopens episodes that were expired and are listed after all. */
  async #reopen(listed: readonly ListedAlert[], webhook: string, at: EpochMs): Promise<number> {
    const { strings, episodes, actions, rules } = this.#options;
    const number = strings.known(webhook);
    if (number === undefined) return 0;
    const toleranceNs = toNanoseconds(rules().toleranceMs);
    const found: { id: number; alert: ListedAlert }[] = [];
    for (const [index, alert] of listed.entries()) {
      const last = episodes.latest(number, alert.fingerprint);
      if (last !== undefined && wasExpired(last.state, alert.startsAt, toleranceNs))
        found.push({ id: last.id, alert });
      if (index % SLICE === SLICE - 1) await new Promise((resolve) => setImmediate(resolve));
    }
    return this.#each(found, ({ id, alert: { fingerprint, suppressed } }) => {
      // a delivery may have begun the next life meanwhile
      if (episodes.latest(number, fingerprint)?.id !== id) return 0;
      const done = actions.applyScheduled(id, { kind: 'confirm', at });
      // before anyone is notified of an old alert that its Alertmanager suppresses
      if (done > 0 && suppressed !== undefined) this.#suppress(id, suppressed);
      return done;
    });
  }

  #suppress(id: number, reason: Suppression | undefined): number {
    this.#options.suppressed.set(id, reason);
    this.#options.open.setSuppressed(id, reason !== undefined);
    return 0;
  }

  async #each<T>(items: readonly T[], run: (item: T) => number): Promise<number> {
    let done = 0;
    for (let i = 0; i < items.length; i += SLICE) {
      const slice = items.slice(i, i + SLICE);
      done += await this.#options.submit(() => slice.reduce((sum, item) => sum + run(item), 0));
    }
    return done;
  }
}

const checkKnown = rowValidator<KnownRow>({
  ...{ id: 'integer', fingerprint: 'integer', open: 'integer' },
  ...{ last_received: 'time', reason: 'text or null' },
});

/** @throws Error if the row is unreadable */
function knownEpisode(row: KnownRow): EpisodeToReconcile {
  checkKnown(row);
  return {
    id: Number(row.id),
    fingerprint: fingerprintFromNumber(row.fingerprint),
    open: row.open === 1n,
    lastReceivedAt: Number(row.last_received),
    suppressed: row.reason ?? undefined,
  };
}

function examplesOf(missing: readonly ListedAlert[]) {
  const firstOf = (names: readonly string[]) => [...new Set(names)].slice(0, MAX_EXAMPLES);
  return {
    alertnames: firstOf(missing.map(({ alertname }) => alertname)),
    receivers: firstOf(missing.flatMap(({ receivers }) => receivers)),
  };
}
