import { createSocket } from 'node:dgram';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { decode, encode, type Answer, type DecodedPacket } from 'dns-packet';
import { listen, type TestServer } from './tcp.ts';

/** What is sent back, in this order; messages are sent as they are. */
export type Replies = readonly Buffer[] | 'silence' | 'hang up';
export type Answering = (query: DecodedPacket, transport: 'udp' | 'tcp') => Replies;

export interface NameServer {
  readonly port: number;
  /** `127.0.0.1:port` */
  readonly address: string;
  /** Received queries, in order. */
  readonly queries: readonly DecodedPacket[];
  /** The server for TCP or TLS; it has no connections where only UDP is used. */
  readonly streams: TestServer;
  close(): Promise<void>;
}

export interface NameServerOptions {
  readonly tls?: TlsOptions;
  readonly host?: string;
}

/** A name server over UDP and TCP (or TLS) on one port, with scripted answers. */
export async function startNameServer(
  answer: Answering,
  options: NameServerOptions = {},
): Promise<NameServer> {
  const { tls, host = '127.0.0.1' } = options;
  const queries: DecodedPacket[] = [];
  const replies = (message: Buffer, transport: 'udp' | 'tcp'): Replies => {
    const query = decode(message);
    queries.push(query);
    return answer(query, transport);
  };
  const serve = (socket: Socket): void => speak(socket, (message) => replies(message, 'tcp'));
  const plain = tls === undefined ? createServer(serve) : createTlsServer(tls, serve);
  plain.on('tlsClientError', () => undefined);
  const streams = await listen(plain, host);
  const { port } = plain.address() as AddressInfo;
  const udp = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  udp.on('message', (message, from) => {
    const sent = replies(message, 'udp');
    if (typeof sent === 'string') return;
    for (const each of sent) udp.send(each, from.port, from.address);
  });
  await new Promise<void>((resolve, reject) => {
    udp.once('error', reject);
    udp.bind(port, host, resolve);
  });
  return {
    port,
    address: streams.address,
    queries,
    streams,
    close: async () => {
      await streams.close();
      await new Promise<void>((resolve) => {
        udp.close(() => resolve());
      });
    },
  };
}

function speak(socket: Socket, replies: (message: Buffer) => Replies): void {
  let received = Buffer.alloc(0);
  socket.on('data', (bytes: Buffer) => {
    received = Buffer.concat([received, bytes]);
    if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
    const sent = replies(received.subarray(2));
    if (sent === 'hang up') socket.destroy();
    if (typeof sent === 'string') return;
    for (const message of sent) {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(message.length);
      socket.write(Buffer.concat([length, message]));
    }
  });
}

export const RCODES = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5, YXDOMAIN: 6 } as const;

export interface ReplyOptions {
  readonly answers?: readonly Answer[];
  readonly authorities?: readonly Answer[];
  readonly additionals?: readonly Answer[];
  readonly rcode?: keyof typeof RCODES;
  readonly truncated?: boolean;
  readonly id?: number;
  /** Whether the question is included, as it should be. */
  readonly question?: boolean;
}

/** A response to a query, in one message. */
export function reply(query: DecodedPacket, options: ReplyOptions = {}): Buffer {
  const { answers = [], authorities = [], additionals = [], rcode = 'NOERROR' } = options;
  const truncated = options.truncated === true ? 0x0200 : 0;
  return encode({
    type: 'response',
    id: options.id ?? query.id ?? 0,
    flags: 0x0580 | truncated | RCODES[rcode],
    questions: options.question === false ? [] : [...(query.questions ?? [])],
    answers: [...answers],
    authorities: [...authorities],
    additionals: [...additionals],
  });
}

/** An address record of `www.example`, or of another name. */
export function addressRecord(data: string, name = 'www.example', ttl = 300): Answer {
  return { type: data.includes(':') ? 'AAAA' : 'A', name, ttl, class: 'IN', data };
}
