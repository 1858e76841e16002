import type { Statement } from 'better-sqlite3';
import { PeriodicTask, type Clock } from '../../../domain/clock.ts';
import type { Logger } from '../../../domain/log.ts';
import { LedgerUnavailableError } from '../../ledger.ts';
import { isStoreFailure, sqliteCode } from './sqlite-errors.ts';
import type { Sqlite } from './open-database.ts';

/** Limits of one commit: further tasks wait for the next one. */
const MAX_TASKS = 512;
const MAX_COST = 8 * 2 ** 20;
const RETRY_MS = 1_000;
/** For how long the loss of an idle ledger's file may go unnoticed. */
const WATCH_MS = 1_000;

/** In-memory state that follows the file. `savepoint` records it; the returned function restores it. */
export interface Participant {
  savepoint(): () => void;
}

export interface CommitNumbers {
  readonly commits: number;
  readonly commitSeconds: number;
  readonly failedCommits: number;
}

interface WriterOptions {
  readonly database: Sqlite;
  readonly participants: readonly Participant[];
  readonly clock: Clock;
  readonly logger: Logger;
  /** Before every commit, within its transaction. */
  readonly beforeCommit: () => void;
  /** After every commit. */
  readonly onCommit: () => void;
  readonly onWritable: (reason: string | undefined) => void;
  /** A reason to refuse a commit that SQLite itself would make. */
  readonly unwritableReason: () => string | undefined;
  readonly onForeignWrite: () => void;
}

interface Task {
  readonly cost: number;
  readonly run: () => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: LedgerUnavailableError) => void;
}

type TaskOutcome =
  { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly why: string };

/**
 * Group commit: tasks that arrive while one commit is written to disk are part of the next, and are answered once it is
 * on disk. A failure of the store fails the whole group; a bug fails only its own task.
 */
export class Writer {
  readonly #options: WriterOptions;
  /** Changes if, and only if, another connection has committed. */
  readonly #version: Statement<[]>;
  readonly #knownVersion: unknown;
  readonly #statements: Record<'begin' | 'commit' | 'savepoint' | 'release' | 'back', Statement<[]>>;
  #queue: Task[] = [];
  #scheduled = false;
  #writable = true;
  #cancelProbe: (() => void) | undefined;
  readonly #watch: PeriodicTask;
  #numbers: CommitNumbers = { commits: 0, commitSeconds: 0, failedCommits: 0 };

  constructor(options: WriterOptions) {
    this.#options = options;
    const prepare = (sql: string) => options.database.prepare<[]>(sql);
    this.#statements = {
      begin: prepare('BEGIN IMMEDIATE'),
      commit: prepare('COMMIT'),
      savepoint: prepare('SAVEPOINT task'),
      release: prepare('RELEASE task'),
      back: prepare('ROLLBACK TO task'),
    };
    this.#version = prepare('PRAGMA data_version').pluck();
    this.#knownVersion = this.#version.get();
    this.#watch = new PeriodicTask(options, "watch of the ledger's file", WATCH_MS, () => {
      if (this.#writable && options.unwritableReason() !== undefined) this.#probe();
    }).start();
  }

  get numbers(): CommitNumbers {
    return this.#numbers;
  }

  /**
   * Runs a task within the next commit; fulfilled when that is on disk.
   * @param cost approximate size in bytes, by which groups are limited
   * @throws LedgerUnavailableError if nothing of it was stored
   */
  submit<T>(cost: number, run: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({ cost, run, resolve: resolve as (value: unknown) => void, reject });
      this.#schedule();
    });
  }

  /** Runs a part of a task that is rolled back if it throws. Only within a task. */
  withSavepoint<T>(run: () => T): T {
    const back = this.#savepoint();
    this.#statements.savepoint.run();
    try {
      const value = run();
      this.#statements.release.run();
      return value;
    } catch (error) {
      if (!isStoreFailure(error)) {
        this.#statements.back.run();
        this.#statements.release.run();
        back();
      }
      throw error;
    }
  }

  /** Commits what is pending, and stops. */
  close(): void {
    while (this.#queue.length > 0) this.#flush();
    this.#cancelProbe?.();
    this.#watch.stop();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (this.#queue.length > 0) this.#flush();
      if (this.#queue.length > 0) this.#schedule();
    });
  }

  #flush(): void {
    const group = this.#takeGroup();
    const started = this.#options.clock.monotonic();
    const back = this.#savepoint();
    try {
      this.#statements.begin.run();
      const outcomes = group.map((task) => this.#attempt(task));
      this.#options.beforeCommit();
      this.#checkFile();
      this.#statements.commit.run();
      this.#committed(started);
      group.forEach((task, i) => settle(task, outcomes[i]));
    } catch (error) {
      this.#rollBack();
      back();
      this.#failed(error, group);
    }
  }

  /** Within the transaction: no other process can write now. */
  #checkFile(): void {
    const obstacle = this.#options.unwritableReason();
    if (obstacle !== undefined) throw new Error(obstacle);
    if (this.#version.get() === this.#knownVersion) return;
    this.#options.onForeignWrite();
    throw new Error('another process has written to it');
  }

  #takeGroup(): Task[] {
    let cost = 0;
    let count = 0;
    for (const task of this.#queue) {
      cost += task.cost;
      if (count > 0 && (cost > MAX_COST || count >= MAX_TASKS)) break;
      count++;
    }
    return this.#queue.splice(0, count);
  }

  #attempt(task: Task): TaskOutcome {
    try {
      return { ok: true, value: this.withSavepoint(task.run) };
    } catch (error) {
      if (isStoreFailure(error)) throw error;
      const why = error instanceof Error ? error.message : String(error);
      const stack = error instanceof Error ? error.stack : undefined;
      this.#options.logger.error(
        { error: why, stack },
        'a task of the ledger failed because of a bug; please report it',
      );
      return { ok: false, why };
    }
  }

  #savepoint(): () => void {
    const backs = this.#options.participants.map((participant) => participant.savepoint());
    return () => {
      for (const back of backs) back();
    };
  }

  #rollBack(): void {
    if (!this.#options.database.inTransaction) return;
    try {
      this.#options.database.exec('ROLLBACK');
    } catch (error) {
      this.#options.logger.warn({ error: String(error) }, 'the ledger could not roll back');
    }
  }

  #committed(started: number): void {
    const { commits, commitSeconds, failedCommits } = this.#numbers;
    const seconds = (this.#options.clock.monotonic() - started) / 1_000;
    this.#numbers = { commits: commits + 1, commitSeconds: commitSeconds + seconds, failedCommits };
    if (!this.#writable) {
      this.#writable = true;
      this.#options.logger.info({}, 'the ledger can be written again');
      this.#options.onWritable(undefined);
    }
    this.#options.onCommit();
  }

  #failed(error: unknown, group: readonly Task[]): void {
    const why = error instanceof Error ? error.message : String(error);
    this.#numbers = { ...this.#numbers, failedCommits: this.#numbers.failedCommits + 1 };
    if (this.#writable) {
      this.#writable = false;
      this.#options.logger.error(
        { error: why, code: sqliteCode(error) },
        'the ledger cannot be written; alerts are refused with 503 until it can',
      );
      this.#options.onWritable(why);
    }
    this.#probeSoon();
    for (const task of group)
      task.reject(new LedgerUnavailableError(`The ledger cannot be written: ${why}.`));
  }

  /** Probes whether the store has recovered, in case no task arrives. */
  #probeSoon(): void {
    this.#cancelProbe?.();
    this.#cancelProbe = this.#options.clock.after(RETRY_MS, () => {
      if (!this.#writable) this.#probe();
    });
  }

  #probe(): void {
    const probe = this.#options.database.prepare(
      "INSERT OR REPLACE INTO meta (key, value) VALUES ('probed', ?)",
    );
    this.submit(0, () => probe.run(this.#options.clock.now())).catch(() => undefined);
  }
}

function settle(task: Task, outcome: TaskOutcome | undefined): void {
  if (outcome?.ok === true) task.resolve(outcome.value);
  else task.reject(new LedgerUnavailableError(`The ledger task failed: ${outcome?.why ?? 'unknown'}.`));
}
