import { connect, type Socket } from 'node:net';

/** One kept connection that posts bodies one after the other, at almost no cost. */
export class MinimalHttpClient {
  readonly #port: number;
  readonly #path: string;
  #socket: Socket | undefined;
  #received = '';
  #done: ((status: number) => void) | undefined;

  constructor(url: string, path: string) {
    this.#port = Number(new URL(url).port);
    this.#path = path;
  }

  /** The status; 0 when the connection broke before a response. */
  post(body: Buffer): Promise<number> {
    return new Promise((resolve) => {
      this.#done = resolve;
      this.#received = '';
      const socket = (this.#socket ??= this.#connect());
      const head = `POST ${this.#path} HTTP/1.1\r\nHost: 127.0.0.1:${this.#port}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
      socket.cork();
      socket.write(head);
      socket.write(body);
      socket.uncork();
    });
  }

  close(): void {
    this.#socket?.destroy();
  }

  #connect(): Socket {
    const socket = connect(this.#port, '127.0.0.1');
    socket.setNoDelay(true);
    socket.on('data', (chunk) => {
      this.#received += chunk.toString('latin1');
      this.#look();
    });
    // an error is followed by close
    socket.on('error', () => undefined);
    socket.on('close', () => {
      if (this.#socket === socket) this.#socket = undefined;
      this.#answer(0);
    });
    return socket;
  }

  #look(): void {
    const end = this.#received.indexOf('\r\n\r\n');
    if (end < 0) return;
    const head = this.#received.slice(0, end);
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
    if (this.#received.length < end + 4 + length) return;
    if (/\r\nconnection: close/i.test(head)) {
      this.#socket?.destroy();
      this.#socket = undefined;
    }
    this.#answer(Number(head.slice(9, 12)));
  }

  #answer(status: number): void {
    const done = this.#done;
    this.#done = undefined;
    done?.(status);
  }
}
