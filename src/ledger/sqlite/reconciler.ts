import type { Statement } from 'better-sqlite3';
import type {
  KnownEpisode,
  ListedAlert,
  ParsedListing,
  Reconcile,
  ReconciliationPlan,
  Suppression,
} from '../../domain/reconciliation.ts';
import type { AlertRules } from '../ledger.ts';
import type { Listings, ReconcileResult } from '../listings.ts';
import type { AlertActions } from './alert-actions.ts';
import { fingerprintFromNumber } from './episode-row.ts';
import type { Names } from './names.ts';
import type { OpenAlerts } from './open-alerts.ts';
import type { Sqlite } from './open.ts';
import type { SuppressedStore } from './suppressed-store.ts';

interface ReconcilerOptions {
  readonly database: Sqlite;
  readonly names: Names;
  readonly actions: AlertActions;
  readonly open: OpenAlerts;
  readonly suppressed: SuppressedStore;
  readonly rules: () => AlertRules;
  readonly parse: (body: Uint8Array) => ParsedListing;
  readonly reconcile: Reconcile;
  /** Runs something within a commit. */
  readonly submit: <T>(run: () => T) => Promise<T>;
  /** When episodes may be written: not while a large delivery holds some of them. */
  readonly ready: () => Promise<unknown>;
}

interface KnownRow {
  readonly id: bigint;
  readonly fingerprint: bigint;
  readonly open: bigint;
  readonly last_received: bigint;
  readonly receiver: string;
  readonly reason: Suppression | null;
}

/** Episodes that are read, or changed, at a time. */
const SLICE = 500;

/** Repairs the episodes of a webhook by what its Alertmanagers have. */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #ids: Statement<[], number>;
  readonly #known: Statement<[string, number], KnownRow>;
  /** By webhook. */
  readonly #absent = new Map<string, ReconciliationPlan['absentSince']>();

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#ids = options.database
      .prepare<[], number>(
        'SELECT id FROM episodes WHERE open = 1 UNION SELECT id FROM episodes WHERE timer IS NOT NULL',
      )
      .pluck();
    this.#known = options.database
      .prepare<[string, number], KnownRow>(
        `SELECT e.id, e.fingerprint, e.open, e.last_received, e.receiver, s.reason
         FROM episodes e LEFT JOIN suppressed s ON s.episode = e.id
         WHERE e.id IN (SELECT value FROM json_each(?)) AND e.webhook = ?
         AND (e.open = 1 OR e.suspect_until IS NOT NULL)`,
      )
      .safeIntegers();
  }

  async run({ webhook, askedAt, complete, lists }: Listings): Promise<ReconcileResult> {
    const listed: (readonly ListedAlert[])[] = [];
    for (const { name, body } of lists) {
      const parsed = this.#options.parse(body);
      if (!parsed.ok) return { outcome: 'malformed', name, detail: parsed.detail };
      listed.push(parsed.alerts);
    }
    await this.#options.ready();
    const plan = this.#options.reconcile(await this.#read(webhook), listed, {
      askedAt,
      complete,
      settleMs: this.#options.rules().senders[webhook]?.settleMs ?? Number.POSITIVE_INFINITY,
      absentSince: this.#absent.get(webhook) ?? new Map(),
    });
    this.#absent.set(webhook, plan.absentSince);
    return { outcome: 'reconciled', drift: plan.drift, repaired: await this.#apply(plan, askedAt) };
  }

  /** Forgets what is suppressed no longer, or can no longer be known to be. */
  async forget(): Promise<void> {
    const { suppressed, open, names, rules, submit } = this.#options;
    const asked = (webhook: number) => rules().senders[names.name(webhook)]?.settleMs !== undefined;
    if (suppressed.obsolete(asked).length === 0) return;
    await submit(() => {
      for (const id of suppressed.obsolete(asked)) {
        suppressed.set(id, undefined);
        open.suppress(id, false);
      }
    });
  }

  async #read(webhook: string): Promise<readonly KnownEpisode[]> {
    const number = this.#options.names.known(webhook);
    const known: KnownEpisode[] = [];
    if (number === undefined) return known;
    const ids = this.#ids.all();
    for (let i = 0; i < ids.length; i += SLICE) {
      const rows = this.#known.all(JSON.stringify(ids.slice(i, i + SLICE)), number);
      known.push(...rows.map(knownEpisode));
      await new Promise((resolve) => setImmediate(resolve));
    }
    return known;
  }

  async #apply(plan: ReconciliationPlan, at: number) {
    const { actions, suppressed, open } = this.#options;
    const expired = await this.#each(plan.expire, ({ id, lastReceivedAt }) =>
      actions.pass(id, { kind: 'expire', at, lastReceivedAt, cause: 'absent' }),
    );
    const confirmed = await this.#each(plan.confirm, (id) => actions.pass(id, { kind: 'confirm', at }));
    await this.#each(plan.refute, (id) => actions.pass(id, { kind: 'refute', at }));
    await this.#each(plan.suppress, ({ id, reason }) => {
      suppressed.set(id, reason);
      open.suppress(id, reason !== undefined);
      return 0;
    });
    await this.forget();
    return { expired, confirmed, refuted: plan.refute.length };
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

function knownEpisode(row: KnownRow): KnownEpisode {
  return {
    id: Number(row.id),
    fingerprint: fingerprintFromNumber(row.fingerprint),
    open: row.open === 1n,
    lastReceivedAt: Number(row.last_received),
    receiver: row.receiver,
    suppressed: row.reason ?? undefined,
  };
}
