/**
 * The two messages of gRPC's health protocol, and their frames.
 * @see https://github.com/grpc/grpc/blob/master/doc/health-checking.md
 */

/** Bytes or a field that violate gRPC or Protocol Buffers. */
export class MalformedMessageError extends Error {
  override readonly name = 'MalformedMessageError';
}

const PREFIX_BYTES = 5;
/** A health answer has two bytes; a server that sends thousands of times as many does something else. */
const MAX_MESSAGE = 65_536;

/** `HealthCheckRequest{service}` in its frame: a flag (not compressed), four bytes of length, the message. */
export function encodeRequest(service: string): Buffer {
  const text = Buffer.from(service);
  const message =
    text.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.of(0x0a), encodeVarint(text.length), text]);
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

function encodeVarint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest & 0x7f) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return Buffer.from([...bytes, rest]);
}

/**
 * The one message of an answer, in whatever pieces it arrived; undefined when there is none.
 * @throws MalformedMessageError
 */
export function unframe(received: Buffer): Buffer | undefined {
  if (received.length === 0) return undefined;
  if (received.length < PREFIX_BYTES) throw new MalformedMessageError('the answer ends in the middle');
  if (received.readUInt8(0) !== 0)
    throw new MalformedMessageError('the answer is compressed, which was not asked for');
  const length = received.readUInt32BE(1);
  if (length > MAX_MESSAGE) throw new MalformedMessageError(`the answer has ${length} bytes`);
  const message = received.subarray(PREFIX_BYTES);
  if (message.length !== length)
    throw new MalformedMessageError(
      message.length < length ? 'the answer ends in the middle' : 'there is more than one answer',
    );
  return message;
}

/** A message and its prefix. */
export const MAX_ANSWER_BYTES = PREFIX_BYTES + MAX_MESSAGE;

/** Whether more was received than a health answer can have. */
export function tooLong(bytes: number): boolean {
  return bytes > MAX_ANSWER_BYTES;
}

/**
 * `HealthCheckResponse.status`: the last field 1 of the message, 0 when there is none. Other fields are skipped.
 * @throws MalformedMessageError
 * @see https://protobuf.dev/programming-guides/encoding/
 */
export function decodeStatus(message: Buffer): number {
  let status = 0;
  for (let at = 0; at < message.length;) {
    const key = readVarint(message, at);
    const [field, wire] = [Math.floor(key.value / 8), key.value % 8];
    if (field === 0) throw new MalformedMessageError('a field has the number 0');
    if (field === 1 && wire === 0) {
      const found = readVarint(message, key.next);
      status = found.low | 0;
      at = found.next;
    } else {
      at = skipField(message, key.next, wire);
    }
  }
  return status;
}

interface Varint {
  /** As a number; inexact beyond 2^53, which is not used. */
  readonly value: number;
  /** Its lower 32 bits: the part that an enumeration keeps. */
  readonly low: number;
  readonly next: number;
}

function readVarint(message: Buffer, start: number): Varint {
  let value = 0;
  let low = 0;
  for (let i = 0; i < 10; i += 1) {
    const byte = message[start + i];
    if (byte === undefined) throw new MalformedMessageError('a number ends in the middle');
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (i < 5) low |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) return { value, low, next: start + i + 1 };
  }
  throw new MalformedMessageError('a number is longer than 10 bytes');
}

function skipField(message: Buffer, start: number, wire: number): number {
  const end = endOfField(message, start, wire);
  if (end > message.length) throw new MalformedMessageError('a field ends in the middle');
  return end;
}

function endOfField(message: Buffer, start: number, wire: number): number {
  if (wire === 0) return readVarint(message, start).next;
  if (wire === 1) return start + 8;
  if (wire === 5) return start + 4;
  if (wire !== 2) throw new MalformedMessageError(`a field is of the unknown wire type ${wire}`);
  const length = readVarint(message, start);
  return length.next + length.value;
}
