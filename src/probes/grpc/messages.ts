import type * as Driver from '@bufbuild/protobuf/wire';

/**
 * The two messages of gRPC's health protocol, and their frames.
 * @see https://github.com/grpc/grpc/blob/master/doc/health-checking.md
 */

/** Bytes or a field that violate gRPC or Protocol Buffers. */
export class MalformedMessageError extends Error {
  override readonly name = 'MalformedMessageError';
}

/** The reader and the writer of Protocol Buffers. */
export type Wire = Pick<typeof Driver, 'BinaryReader' | 'BinaryWriter' | 'WireType'>;

/** Loads them when a service first needs them: few configurations do, and they take 6 MB. */
export function loadWire(): Promise<Wire> {
  return import('@bufbuild/protobuf/wire');
}

const PREFIX_BYTES = 5;
/** A health answer has two bytes; a server that sends thousands of times as many does something else. */
const MAX_MESSAGE = 65_536;

/** `HealthCheckRequest{service}` in its frame: a flag (not compressed), four bytes of length, the message. */
export function encodeRequest({ BinaryWriter, WireType }: Wire, service: string): Buffer {
  const writer = new BinaryWriter();
  if (service !== '') writer.tag(1, WireType.LengthDelimited).string(service);
  const message = writer.finish();
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/**
 * The one message of an answer, in whatever pieces it arrived; undefined for an empty answer.
 * @throws MalformedMessageError
 */
export function unframe(received: Buffer): Buffer | undefined {
  if (received.length === 0) return undefined;
  if (received.length < PREFIX_BYTES) throw new MalformedMessageError('it is truncated');
  if (received.readUInt8(0) !== 0)
    throw new MalformedMessageError('it is compressed, which was not requested');
  const length = received.readUInt32BE(1);
  if (length > MAX_MESSAGE) throw new MalformedMessageError(`it has ${length} bytes`);
  const message = received.subarray(PREFIX_BYTES);
  if (message.length !== length)
    throw new MalformedMessageError(
      message.length < length ? 'it is truncated' : 'it has more than one message',
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
 * `HealthCheckResponse.status`: the last field 1 of the message, 0 without one. Other fields are skipped.
 * @throws MalformedMessageError
 */
export function decodeStatus({ BinaryReader, WireType }: Wire, message: Uint8Array): number {
  const reader = new BinaryReader(message);
  let status = 0;
  try {
    while (reader.pos < reader.len) {
      const [field, wire] = reader.tag();
      if (field === 1 && wire === WireType.Varint) status = reader.int32();
      else reader.skip(wire, field);
    }
  } catch (error) {
    throw new MalformedMessageError(error instanceof Error ? error.message : String(error));
  }
  return status;
}
