import type { Names } from '../database/string-table.ts';

/** More than any sender has; further receivers are not recorded. */
const MAX_RECEIVERS = 1_000;

/** The receivers that ever sent a delivery to a webhook. They are stored in the table of names. */
export class ReceiverNames {
  readonly #names: Names;

  constructor(names: Names) {
    this.#names = names;
  }

  /** Only within a transaction. */
  note(webhook: string, receiver: string): void {
    const key = `${prefixOf(webhook)}${receiver}`;
    if (this.#names.known(key) !== undefined) return;
    if (this.#names.startingWith(prefixOf(webhook)).length < MAX_RECEIVERS) this.#names.id(key);
  }

  of(webhook: string): ReadonlySet<string> {
    const prefix = prefixOf(webhook);
    const numbers = this.#names.startingWith(prefix);
    return new Set(numbers.map((number) => this.#names.name(number).slice(prefix.length)));
  }
}

/** A webhook's name never contains a line break. */
function prefixOf(webhook: string): string {
  return `receiver\n${webhook}\n`;
}
