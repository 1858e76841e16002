import type { StringTable } from '../database/string-table.ts';

/** More than any sender has; further receivers are not recorded. */
const MAX_RECEIVERS = 1_000;

/** The receivers that ever sent a delivery to a webhook. They are stored in the table of names. */
export class ReceiverNames {
  readonly #strings: StringTable;

  constructor(names: StringTable) {
    this.#strings = names;
  }

  /** Only within a transaction. */
  record(webhook: string, receiver: string): void {
    const key = `${prefixOf(webhook)}${receiver}`;
    if (this.#strings.known(key) !== undefined) return;
    if (this.#strings.idsWithPrefix(prefixOf(webhook)).length < MAX_RECEIVERS) this.#strings.idOf(key);
  }

  namesOf(webhook: string): ReadonlySet<string> {
    const prefix = prefixOf(webhook);
    const numbers = this.#strings.idsWithPrefix(prefix);
    return new Set(numbers.map((number) => this.#strings.name(number).slice(prefix.length)));
  }
}

/** A webhook's name never contains a line break. */
function prefixOf(webhook: string): string {
  return `receiver\n${webhook}\n`;
}
