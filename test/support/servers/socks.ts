import { connect, createServer, type Socket } from 'node:net';
import { listen, type TestServer } from './tcp.ts';

export interface SocksOptions {
  /** Required, `user:password`; no authentication if absent. */
  readonly credentials?: string;
  /** The reply to each request, instead of a connection. */
  readonly refuse?: number;
  /** The name that the proxy reports for the address it connects from; default: its IPv4 address. */
  readonly boundName?: string;
  /** Writes one byte at a time, each in a separate segment. */
  readonly slowly?: boolean;
}

export interface SocksServer extends TestServer {
  /** The requests it received: `methods 0 2`, `user:password`, `connect 127.0.0.1:80`. */
  readonly seen: string[];
}

/** A SOCKS5 proxy; for any requested name it connects to 127.0.0.1. @see https://www.rfc-editor.org/rfc/rfc1928 */
export async function startSocks(options: SocksOptions = {}): Promise<SocksServer> {
  const seen: string[] = [];
  const server = createServer((client) => {
    serve(client, options, (line) => seen.push(line)).catch(() => client.destroy());
  });
  return { ...(await listen(server)), seen };
}

async function serve(client: Socket, options: SocksOptions, see: (line: string) => void): Promise<void> {
  const { credentials, refuse, boundName, slowly = false } = options;
  const read = reader(client);
  const write = async (bytes: Buffer): Promise<void> => {
    if (!slowly) return void client.write(bytes);
    for (const byte of bytes) {
      client.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const [, count = 0] = await read(2);
  const methods = [...(await read(count))];
  see(`methods ${methods.join(' ')}`);
  const method = credentials === undefined ? 0 : 2;
  if (!methods.includes(method)) return void client.end(Buffer.from([5, 0xff]));
  await write(Buffer.from([5, method]));
  if (method === 2) {
    const [, length = 0] = await read(2);
    const user = await read(length);
    const password = await read((await read(1))[0] ?? 0);
    see(`${user.toString()}:${password.toString()}`);
    const right = `${user.toString()}:${password.toString()}` === credentials;
    await write(Buffer.from([1, right ? 0 : 1]));
    if (!right) return void client.end();
  }
  const port = await readRequest(read, see);
  if (refuse !== undefined) return void client.end(Buffer.from([5, refuse, 0, 1, 0, 0, 0, 0, 0, 0]));
  const bound =
    boundName === undefined ? [1, 127, 0, 0, 1] : [3, boundName.length, ...Buffer.from(boundName)];
  await relay(client, port, () => write(Buffer.from([5, 0, 0, ...bound, 0, 80])));
}

async function readRequest(read: Read, see: (line: string) => void): Promise<number> {
  const [, , , kind = 0] = await read(4);
  const bytes = await read(kind === 1 ? 4 : kind === 4 ? 16 : ((await read(1))[0] ?? 0));
  const host = kind === 3 ? bytes.toString() : kind === 4 ? bytes.toString('hex') : [...bytes].join('.');
  const port = (await read(2)).readUInt16BE();
  see(`connect ${host}:${port}`);
  return port;
}

async function relay(client: Socket, port: number, answer: () => Promise<void>): Promise<void> {
  const upstream = connect(port, '127.0.0.1');
  upstream.on('error', () => client.end(Buffer.from([5, 5, 0, 1, 0, 0, 0, 0, 0, 0])));
  client.once('close', () => upstream.destroy());
  await new Promise<void>((resolve) => upstream.once('connect', () => resolve()));
  upstream.once('close', () => {
    client.end();
    // nothing reads it any longer, and only a reader notices that the client has disconnected
    client.resume();
  });
  await answer();
  client.pipe(upstream).pipe(client);
}

type Read = (count: number) => Promise<Buffer>;

/** Reads exactly this many bytes. */
function reader(socket: Socket): Read {
  return (count) =>
    new Promise((resolve, reject) => {
      const closed = (): void => reject(new Error('closed'));
      const look = (): void => {
        const bytes: unknown = count === 0 ? Buffer.alloc(0) : socket.read(count);
        if (!Buffer.isBuffer(bytes)) return;
        socket.removeListener('readable', look);
        socket.removeListener('close', closed);
        resolve(bytes);
      };
      socket.on('readable', look);
      socket.once('close', closed);
      look();
    });
}
