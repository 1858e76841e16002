import type { ParseProblem } from './delivery.ts';

/** Alertmanager's payload is four levels deep; Grafana adds objects of its own. */
const MAX_DEPTH = 64;
/** A body of 64 MiB full of real alerts has about 640,000 objects and 4,000,000 members. */
const MAX_CONTAINERS = 1_000_000;
const MAX_MEMBERS = 8_000_000;

const ALERTS = [...Buffer.from('alerts')];

const QUOTE = 0x22;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/**
 * Rejects, before anything is allocated for it, a body that would take far more memory parsed than sent: one that is
 * deeply nested or consists of countless empty values. Looks only at JSON's punctuation.
 */
export function scanJson(body: Uint8Array): ParseProblem | undefined {
  const scan = new BodyScan(body);
  scan.scan(Number.POSITIVE_INFINITY);
  return scan.problem();
}

/** Where the elements of the array `alerts` are in the body. */
export interface AlertRanges {
  /** Just after the opening bracket, and at the closing one. */
  from: number;
  to: number;
  /** The end of each element: a comma, or the closing bracket. */
  ends: number[];
}

function limitProblem(what: string): ParseProblem {
  return { pointer: '', detail: `The body is not a webhook of Alertmanager or Grafana: ${what}.` };
}

/** Counts a body's punctuation and finds its alerts, a limited number of bytes at a time. */
export class BodyScan {
  readonly #body: Uint8Array;
  #at = 0;
  #level = 0;
  #depth = 0;
  #containers = 0;
  #members = 0;
  /** Start and end of the last string in the outermost object, without its quotes. */
  #key: readonly [number, number] = [0, 0];
  #within: AlertRanges | undefined;
  #alerts: AlertRanges | undefined;

  constructor(body: Uint8Array) {
    this.#body = body;
  }

  /** Of the last array under that name; undefined if none was found. */
  get alerts(): AlertRanges | undefined {
    return this.#alerts;
  }

  /** Which limit is exceeded, if any. */
  problem(): ParseProblem | undefined {
    if (this.#depth > MAX_DEPTH) return limitProblem(`it is nested deeper than ${MAX_DEPTH} levels`);
    if (this.#containers > MAX_CONTAINERS)
      return limitProblem(`it has more than ${MAX_CONTAINERS} objects and arrays`);
    if (this.#members > MAX_MEMBERS) return limitProblem(`it has more than ${MAX_MEMBERS} values`);
    return undefined;
  }

  /**
   * Scans about this many more bytes.
   * @returns whether the whole body has been scanned
   */
  scan(bytes: number): boolean {
    const body = this.#body;
    const until = Math.min(body.length, this.#at + bytes);
    let i = this.#at;
    for (; i < until; i++) {
      switch (body[i]) {
        case QUOTE: {
          const end = endOfString(body, i);
          if (this.#level === 1) this.#key = [i + 1, end];
          i = end;
          break;
        }
        case COMMA:
          this.#members++;
          if (this.#level === 2 && this.#within !== undefined) this.#within.ends.push(i);
          break;
        case OPEN_BRACE:
        case OPEN_BRACKET:
          this.#open(i);
          break;
        case CLOSE_BRACE:
        case CLOSE_BRACKET:
          this.#close(i);
          break;
        default:
      }
    }
    this.#at = i;
    return i >= body.length;
  }

  #open(at: number): void {
    this.#containers++;
    this.#level++;
    if (this.#level > this.#depth) this.#depth = this.#level;
    if (this.#level === 2 && this.#body[at] === OPEN_BRACKET && this.#isAlertsKey(at)) {
      this.#within = { from: at + 1, to: at + 1, ends: [] };
    }
  }

  #close(at: number): void {
    this.#level--;
    const within = this.#within;
    if (this.#level !== 1 || within === undefined) return;
    within.to = at;
    if (within.ends.length > 0 || hasContent(this.#body, within.from, at)) within.ends.push(at);
    this.#alerts = within;
    this.#within = undefined;
  }

  #isAlertsKey(at: number): boolean {
    const [from, to] = this.#key;
    if (to - from !== ALERTS.length || !ALERTS.every((byte, i) => this.#body[from + i] === byte))
      return false;
    // only a colon and white space may be between the key and the bracket
    for (let i = to + 1; i < at; i++) if (this.#body[i] !== COLON && !isSpace(this.#body[i])) return false;
    return true;
  }
}

function hasContent(body: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (!isSpace(body[i])) return true;
  return false;
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** The index of the quote that closes the string starting at `start`. */
function endOfString(body: Uint8Array, start: number): number {
  let i = start + 1;
  for (; i < body.length && body[i] !== QUOTE; i++) if (body[i] === BACKSLASH) i++;
  return i;
}
