import { startGenerator, type Generator } from './generator.ts';

/** What the clients of one kind did and were answered. */
export interface AttackCounts {
  readonly connections: number;
  readonly ended: number;
  /** Of those that read, by status. */
  readonly answers: Readonly<Record<string, number>>;
}

export interface AttackOptions {
  /** Of Tocsin. */
  readonly port: number;
  /** URL with an answer for which a rule in CEL takes the square of its length. */
  readonly large: string;
  /** URL that is never answered. */
  readonly hanging: string;
}

/** Starts the clients of attackers.mjs in a process of their own; the counts are by kind. */
export function startAttackers({
  port,
  large,
  hanging,
}: AttackOptions): Promise<Generator<Readonly<Record<string, AttackCounts>>>> {
  return startGenerator(new URL('./attackers.mjs', import.meta.url), [port, large, hanging]);
}
