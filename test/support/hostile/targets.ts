import { startGenerator } from './generator.ts';

/** The runs of one check, counted at the target. */
export interface CheckRuns {
  readonly address: string;
  readonly count: number;
  /** Milliseconds between one and the next; first from the mark, last to the report. */
  readonly gapsMs: readonly number[];
}

export interface TargetsReport {
  readonly seconds: number;
  readonly good: readonly CheckRuns[];
  readonly hanging: readonly CheckRuns[];
  /** Written by the Redis that floods. */
  readonly floodedBytes: number;
}

export interface HostileTargets extends AsyncDisposable {
  readonly ports: { readonly http: number; readonly hanging: number; readonly redis: number };
  /** Counts runs from now on. */
  mark(): void;
  /** Sets whether the service `/NAME` answers with 503. */
  fail(name: string, whether: boolean): void;
  report(): Promise<TargetsReport>;
}

/** Starts the servers of targets.mjs. */
export async function startHostileTargets(): Promise<HostileTargets> {
  const process = await startGenerator(new URL('./targets.mjs', import.meta.url));
  const [http = NaN, hanging = NaN, redis = NaN] = process.ready.map(Number);
  return {
    ports: { http, hanging, redis },
    mark: () => process.tell('mark'),
    fail: (name, whether) => process.tell(`${whether ? 'fail' : 'mend'} ${name}`),
    report: async () => JSON.parse(await process.ask('report')) as TargetsReport,
    [Symbol.asyncDispose]: async () => {
      await process.stop();
    },
  };
}

/** The n-th address reserved for one kind of check. */
export function addressOf(kind: 'good' | 'hanging' | 'other', n: number): string {
  const net = { good: 10, hanging: 20, other: 30 }[kind];
  return `127.${net}.${Math.floor(n / 250)}.${1 + (n % 250)}`;
}
