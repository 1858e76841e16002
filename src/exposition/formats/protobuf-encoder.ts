/** Protobuf wire types. */
const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;

/** Bytes that a length takes at most. */
const LONGEST_LENGTH = 5;

/**
 * Encodes protobuf messages into a growing buffer.
 * @see https://protobuf.dev/programming-guides/encoding/
 */
export class ProtobufWriter {
  #bytes: Buffer;
  #length = 0;

  constructor(capacity = 1_024) {
    this.#bytes = Buffer.allocUnsafe(capacity);
  }

  /** Bytes written. */
  get length(): number {
    return this.#length;
  }

  /** A copy of the bytes written. */
  finish(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.#length));
  }

  /** Copies the bytes written to the beginning of another buffer and returns that. */
  copyTo(other: Buffer): Buffer {
    this.#bytes.copy(other, 0, 0, this.#length);
    return other;
  }

  clear(): void {
    this.#length = 0;
  }

  /** An integer from 0 to below 2⁵³; others as the nearest of them. */
  uint(field: number, value: number): void {
    this.#tag(field, VARINT);
    this.varint(toCount(value));
  }

  /** A signed integer below 2⁵² in size, as protobuf's sint32 and sint64. */
  sint(field: number, value: number): void {
    this.#tag(field, VARINT);
    this.varint(zigzag(value));
  }

  double(field: number, value: number): void {
    this.#tag(field, FIXED64);
    this.#makeRoom(8);
    this.#length = this.#bytes.writeDoubleLE(value, this.#length);
  }

  text(field: number, value: string): void {
    this.message(field, () => {
      this.#makeRoom(value.length * 3);
      this.#length += this.#bytes.write(value, this.#length);
    });
  }

  raw(bytes: Uint8Array): void {
    this.#makeRoom(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Signed integers, packed. */
  sints(field: number, values: readonly number[]): void {
    if (values.length === 0) return;
    this.message(field, () => values.forEach((value) => this.varint(zigzag(value))));
  }

  /** A message within this one: what `write` writes. */
  message(field: number, write: () => void): void {
    this.#tag(field, BYTES);
    this.#makeRoom(LONGEST_LENGTH);
    const start = this.#length;
    this.#length += LONGEST_LENGTH;
    write();
    const end = this.#length;
    this.#length = start;
    this.varint(end - start - LONGEST_LENGTH);
    this.#bytes.copyWithin(this.#length, start + LONGEST_LENGTH, end);
    this.#length += end - start - LONGEST_LENGTH;
  }

  /** An integer from 0 to below 2⁵³ without a field. */
  varint(value: number): void {
    this.#makeRoom(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length++] = rest;
  }

  #tag(field: number, type: number): void {
    this.varint(field * 8 + type);
  }

  #makeRoom(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#length + bytes, this.#bytes.length * 2));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

function toCount(value: number): number {
  return value > 0 ? Math.min(Math.round(value), Number.MAX_SAFE_INTEGER) : 0;
}
