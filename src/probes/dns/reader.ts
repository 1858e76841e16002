import { characterText, labelText } from './escapes.ts';

/** A message, or data in it, that violates its format. */
export class MalformedMessageError extends Error {
  override readonly name = 'MalformedMessageError';
}

/** A name has at most 255 octets, so more jumps than labels fit into that are a loop (RFC 1035, 4.1.4). */
const MAX_JUMPS = 126;
const MAX_NAME = 255;

/** Reads a part of a DNS message. All methods throw MalformedMessageError when the part is too short. */
export class WireReader {
  readonly #message: Buffer;
  readonly #end: number;
  #at: number;

  constructor(message: Buffer, at = 0, end = message.length) {
    this.#message = message;
    this.#at = at;
    this.#end = end;
  }

  get at(): number {
    return this.#at;
  }

  get left(): number {
    return this.#end - this.#at;
  }

  u8(): number {
    return this.bytes(1).readUInt8(0);
  }

  u16(): number {
    return this.bytes(2).readUInt16BE(0);
  }

  u32(): number {
    return this.bytes(4).readUInt32BE(0);
  }

  bytes(count: number): Buffer {
    if (count > this.left) throw new MalformedMessageError('the message is truncated');
    this.#at += count;
    return this.#message.subarray(this.#at - count, this.#at);
  }

  rest(): Buffer {
    return this.bytes(this.left);
  }

  /** The next `count` bytes, as a separate part. */
  part(count: number): WireReader {
    const start = this.#at;
    this.bytes(count);
    return new WireReader(this.#message, start, this.#at);
  }

  /** A character string (RFC 1035, 3.3), escaped as in zone files, without quotes. */
  string(): string {
    return characterText(this.bytes(this.u8()));
  }

  /** A domain name, compressed or not, escaped as in zone files, with the final dot. */
  name(): string {
    const { text, next } = readName(this.#message, this.#at, this.#end);
    this.#at = next;
    return text;
  }
}

function readName(message: Buffer, start: number, limit: number): { text: string; next: number } {
  let text = '';
  let size = 1;
  let at = start;
  let end = limit;
  let next: number | undefined;
  for (let jumps = 0; jumps <= MAX_JUMPS;) {
    const length = at < end ? message.readUInt8(at) : malformed('a name is truncated');
    if (length === 0) return { text: text === '' ? '.' : text, next: next ?? at + 1 };
    if (length >= 0xc0) {
      if (at + 2 > end) malformed('a name is truncated');
      next ??= at + 2;
      at = message.readUInt16BE(at) & 0x3fff;
      // a pointer may lead anywhere in the message
      end = message.length;
      jumps += 1;
      continue;
    }
    if (length >= 0x40) malformed('a name has a label of an unknown type');
    size += length + 1;
    if (size > MAX_NAME) malformed(`a name is longer than ${MAX_NAME} octets`);
    if (at + 1 + length > end) malformed('a name is truncated');
    text += `${labelText(message.subarray(at + 1, at + 1 + length))}.`;
    at += 1 + length;
  }
  return malformed('a name points to itself');
}

function malformed(what: string): never {
  throw new MalformedMessageError(what);
}
