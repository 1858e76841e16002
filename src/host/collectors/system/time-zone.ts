import { resolve } from 'node:path';
import type { EpochMs } from '../../../domain/clock.ts';
import { readRegularFile } from '../../../domain/regular-file.ts';

const ZONES = '/usr/share/zoneinfo';
const MAX_BYTES = 1_048_576;

/**
 * The abbreviation of a time zone at a time: `CET`, in summer `CEST`. Where its file does not exist, the offset in the
 * form that the database uses for zones without a name: `+01`, `-0330`.
 * @param zone its IANA name, or the path of its file
 * @param offset seconds east of UTC
 */
export function zoneAbbreviation(zone: string, offset: number, atMs: EpochMs, folder = ZONES): string {
  if (zone === 'UTC') return 'UTC';
  try {
    const file = new ZoneFile(readRegularFile(resolve(folder, zone), MAX_BYTES));
    return file.abbreviation(Math.floor(atMs / 1_000), offset) ?? numeric(offset);
  } catch {
    return numeric(offset);
  }
}

function numeric(offset: number): string {
  // Go's name for a zone that it does not find
  if (offset === 0) return 'UTC';
  const minutes = Math.round(Math.abs(offset) / 60);
  const digits = (value: number) => String(value).padStart(2, '0');
  const rest = minutes % 60 === 0 ? '' : digits(minutes % 60);
  return `${offset < 0 ? '-' : '+'}${digits(Math.floor(minutes / 60))}${rest}`;
}

const HEADER = 44;
const TYPE = 6;

/** The second part of a TZif file, whose times have 64 bits. @see https://www.rfc-editor.org/rfc/rfc9636 */
class ZoneFile {
  readonly #bytes: Buffer;
  readonly #times: number;
  readonly #timeCount: number;
  readonly #typeCount: number;
  readonly #charCount: number;

  /** @throws Error when it is not such a file */
  constructor(bytes: Buffer) {
    if (bytes.toString('latin1', 0, 4) !== 'TZif' || bytes.readUInt8(4) < 0x32)
      throw new Error('no TZif file of version 2 or later');
    const count = (at: number, i: number) => bytes.readUInt32BE(at + 20 + 4 * i);
    const first = HEADER + sizeOf([0, 1, 2, 3, 4, 5].map((i) => count(0, i)));
    this.#bytes = bytes;
    this.#timeCount = count(first, 3);
    this.#typeCount = count(first, 4);
    this.#charCount = count(first, 5);
    this.#times = first + HEADER;
  }

  /** That of the last change before the time; after the last change, of the type that has the offset. */
  abbreviation(atSeconds: number, offset: number): string | undefined {
    const indexes = Array.from({ length: this.#timeCount }, (_, i) => i);
    const before = indexes.filter(
      (i) => this.#bytes.readBigInt64BE(this.#times + 8 * i) <= BigInt(atSeconds),
    );
    const last = before.at(-1);
    const type = last === undefined ? 0 : this.#bytes.readUInt8(this.#times + 8 * this.#timeCount + last);
    const candidates = [type, ...this.#typesFromLast()];
    const fitting = candidates.find((candidate) => this.#offset(candidate) === offset);
    return fitting === undefined ? undefined : this.#name(fitting);
  }

  /** The types of the changes, the newest first: old abbreviations come last. */
  #typesFromLast(): number[] {
    const at = this.#times + 8 * this.#timeCount;
    return [...this.#bytes.subarray(at, at + this.#timeCount)].reverse();
  }

  get #types(): number {
    return this.#times + 9 * this.#timeCount;
  }

  #offset(type: number): number {
    return this.#bytes.readInt32BE(this.#types + TYPE * type);
  }

  #name(type: number): string {
    const names = this.#types + TYPE * this.#typeCount;
    const start = names + this.#bytes.readUInt8(this.#types + TYPE * type + 5);
    const end = this.#bytes.indexOf(0, start);
    return this.#bytes.toString('latin1', start, Math.min(end, names + this.#charCount));
  }
}

/** The size of the first part, whose times have 32 bits. */
function sizeOf(counts: readonly number[]): number {
  const [isUt = 0, isStd = 0, leap = 0, times = 0, types = 0, chars = 0] = counts;
  return times * 5 + types * TYPE + chars + leap * 8 + isStd + isUt;
}
