import { WireReader } from './reader.ts';

export interface Question {
  readonly labels: readonly Buffer[];
  readonly type: number;
  readonly class: number;
}

/** A resource record, its data not yet parsed. */
export interface ResourceRecord {
  readonly name: string;
  readonly type: number;
  readonly class: number;
  readonly ttl: number;
  /** Its data, which may hold names that point elsewhere in the message. */
  readonly data: () => WireReader;
}

export interface Answer {
  readonly id: number;
  readonly truncated: boolean;
  /** With the upper bits from the OPT record, if there is one (RFC 6891, 6.1.3). */
  readonly rcode: number;
  readonly answers: readonly ResourceRecord[];
  readonly authorities: readonly ResourceRecord[];
  readonly additionals: readonly ResourceRecord[];
}

const HEADER = 12;
const RESPONSE = 0x8000;
const TRUNCATED = 0x0200;
const RECURSION_DESIRED = 0x0100;
const OPT = 41;

/** A query with one question (RFC 1035, 4). */
export function encodeQuery(id: number, question: Question, recursionDesired: boolean): Buffer {
  const head = Buffer.alloc(HEADER);
  head.writeUInt16BE(id, 0);
  head.writeUInt16BE(recursionDesired ? RECURSION_DESIRED : 0, 2);
  head.writeUInt16BE(1, 4);
  return Buffer.concat([head, encodeQuestion(question)]);
}

function encodeQuestion({ labels, type, class: of }: Question): Buffer {
  const tail = Buffer.alloc(5);
  tail.writeUInt16BE(type, 1);
  tail.writeUInt16BE(of, 3);
  return Buffer.concat([...labels.flatMap((label) => [Buffer.of(label.length), label]), tail]);
}

/**
 * Whether a message answers a query: it is marked as a response, has the query's id and, unless it omits the question,
 * has the same question. Names are compared without regard to case, since some servers do not preserve it.
 */
export function answersQuery(message: Buffer, query: Buffer): boolean {
  if (message.length < HEADER || message.readUInt16BE(0) !== query.readUInt16BE(0)) return false;
  if ((message.readUInt16BE(2) & RESPONSE) === 0) return false;
  if (message.readUInt16BE(4) === 0 || message.length === HEADER) return true;
  const asked = query.subarray(HEADER);
  return lowered(message.subarray(HEADER, HEADER + asked.length)).equals(lowered(asked));
}

function lowered(bytes: Buffer): Buffer {
  return bytes.map((byte) => (byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte)) as Buffer;
}

/**
 * Reads the sections of a response. One that ends early between two records is read up to there, as truncated messages
 * are.
 * @throws MalformedMessageError
 */
export function decodeAnswer(message: Buffer): Answer {
  const reader = new WireReader(message);
  const id = reader.u16();
  const flags = reader.u16();
  const counts = [reader.u16(), reader.u16(), reader.u16(), reader.u16()];
  const [questions = 0, ...sections] = counts;
  for (let i = 0; i < questions && reader.left > 0; i += 1) {
    reader.name();
    reader.u32();
  }
  const [answers = [], authorities = [], additionals = []] = sections.map((count) =>
    readSection(message, reader, count),
  );
  const opt = additionals.find(({ type }) => type === OPT);
  const upper = opt === undefined ? 0 : (opt.ttl >>> 24) << 4;
  return {
    id,
    truncated: (flags & TRUNCATED) !== 0,
    rcode: (flags & 0x0f) | upper,
    answers,
    authorities,
    additionals,
  };
}

function readSection(message: Buffer, reader: WireReader, count: number): readonly ResourceRecord[] {
  const records: ResourceRecord[] = [];
  while (records.length < count && reader.left > 0) records.push(readRecord(message, reader));
  return records;
}

function readRecord(message: Buffer, reader: WireReader): ResourceRecord {
  const name = reader.name();
  const type = reader.u16();
  const of = reader.u16();
  const ttl = reader.u32();
  const length = reader.u16();
  const start = reader.at;
  reader.bytes(length);
  return { name, type, class: of, ttl, data: () => new WireReader(message, start, start + length) };
}

/**
 * The serial number of a SOA record.
 * @throws MalformedMessageError
 */
export function soaSerial(record: ResourceRecord): number {
  const data = record.data();
  data.name();
  data.name();
  return data.u32();
}
