import { startGenerator, type Generator } from './generator.ts';

/** What the clients of one kind did and were answered. */
export interface AttackCounts {
  readonly connections: number;
  readonly ended: number;
  /** Answers to those that read, by status. */
  readonly answers: Readonly<Record<string, number>>;
}

export interface AttackOptions {
  /** Port of Tocsin. */
  readonly port: number;
  /** URL with a response for which a CEL rule is quadratic in its length. */
  readonly large: string;
  /** URL that never responds. */
  readonly hanging: string;
}

/** Starts the clients of attackers.mjs in a separate process; the counts are by kind. */
export function startAttackers({
  port,
  large,
  hanging,
}: AttackOptions): Promise<Generator<Readonly<Record<string, AttackCounts>>>> {
  return startGenerator(new URL('./attackers.mjs', import.meta.url), [port, large, hanging]);
}
