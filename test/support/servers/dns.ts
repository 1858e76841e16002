import { createSocket, type Socket } from 'node:dgram';

/** The data of a test name server: lower-case names to addresses, or to a refusal. */
export type Zone = Readonly<
  Record<
    string,
    { readonly a?: readonly string[]; readonly aaaa?: readonly string[] } | 'SERVFAIL' | 'REFUSED' | 'silent'
  >
>;

export interface DnsTestServer {
  /** `127.0.0.1:port`, as resolvers expect it. */
  readonly address: string;
  /** Queried names, in order, with their types. */
  readonly questions: readonly string[];
  close(): Promise<void>;
}

const RCODE = { NOERROR: 0, SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5 } as const;
const TYPES: Readonly<Record<number, 'a' | 'aaaa'>> = { 1: 'a', 28: 'aaaa' };

/** A name server over UDP for A and AAAA questions. @see https://www.rfc-editor.org/rfc/rfc1035#section-4 */
export async function startDns(zone: Zone): Promise<DnsTestServer> {
  const socket: Socket = createSocket('udp4');
  const questions: string[] = [];
  socket.on('message', (message, from) => {
    const { name, end } = readName(message, 12);
    const type = TYPES[message.readUInt16BE(end)];
    questions.push(`${name} ${type ?? 'other'}`);
    const known = zone[name.toLowerCase()];
    if (known === 'silent') return;
    const rcode = known === undefined ? 'NXDOMAIN' : typeof known === 'string' ? known : 'NOERROR';
    const addresses = typeof known === 'object' && type !== undefined ? (known[type] ?? []) : [];
    socket.send(answer(message.subarray(0, end + 4), RCODE[rcode], addresses), from.port, from.address);
  });
  await new Promise<void>((resolve) => {
    socket.bind(0, '127.0.0.1', resolve);
  });
  return {
    address: `127.0.0.1:${socket.address().port}`,
    questions,
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}

function readName(message: Buffer, start: number): { name: string; end: number } {
  const labels: string[] = [];
  let at = start;
  for (let length = message.readUInt8(at); length > 0; length = message.readUInt8(at)) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.'), end: at + 1 };
}

function answer(question: Buffer, rcode: number, addresses: readonly string[]): Buffer {
  const head = Buffer.from(question);
  head.writeUInt16BE(0x8180 | rcode, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(addresses.length, 6);
  head.writeUInt32BE(0, 8);
  return Buffer.concat([head, ...addresses.map(record)]);
}

function record(address: string): Buffer {
  const data = address.includes(':') ? ipv6Bytes(address) : Buffer.from(address.split('.').map(Number));
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc00c, 0);
  head.writeUInt16BE(data.length === 16 ? 28 : 1, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(60, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

function ipv6Bytes(address: string): Buffer {
  const [head = '', tail = ''] = address.split('::');
  const first = head === '' ? [] : head.split(':');
  const last = tail === '' ? [] : tail.split(':');
  const groups = [...first, ...new Array<string>(8 - first.length - last.length).fill('0'), ...last];
  return Buffer.from(groups.map((group) => group.padStart(4, '0')).join(''), 'hex');
}
