import type { Socket } from 'node:net';
import { orAborted, type CancelSignal } from '../../domain/cancellation.ts';
import { SocketReader } from '../dialogue/reader.ts';
import { fail } from '../net/failure.ts';

/** A connection before TLS. Every call rejects when the run is over. */
export class Wire {
  readonly #socket: Socket;
  readonly #reader: SocketReader;
  readonly #signal: CancelSignal;

  constructor(socket: Socket, signal: CancelSignal) {
    this.#socket = socket;
    this.#reader = new SocketReader(socket);
    this.#signal = signal;
  }

  /** @throws ProbeFailure at the end of the connection */
  async line(): Promise<string> {
    const line = await orAborted(this.#reader.line(), this.#signal);
    if (line === undefined) throw closed();
    return line;
  }

  /** @throws ProbeFailure when the connection ends first */
  async bytes(count: number): Promise<Buffer> {
    const bytes = await orAborted(this.#reader.bytes(count), this.#signal);
    if (bytes.length < count) throw closed();
    return bytes;
  }

  async send(data: string | Buffer): Promise<void> {
    const sent = new Promise<void>((resolve, reject) => {
      this.#socket.write(data, (error) => (error ? reject(closed()) : resolve()));
    });
    await orAborted(sent, this.#signal);
  }

  /** Detaches from the socket: TLS comes next. */
  release(): void {
    this.#reader.release();
  }
}

function closed() {
  return fail('protocol', 'The server closed the connection before TLS began');
}
