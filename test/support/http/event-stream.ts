import { get, type IncomingMessage } from 'node:http';

/** A block of a stream of server-sent events. */
export interface StreamMessage {
  readonly id?: string;
  /** `message` by default. */
  readonly event: string;
  /** Absent in blocks that only carry an id or a comment. */
  readonly data?: string;
}

export interface OpenStream {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  /** Everything so far. */
  readonly messages: readonly StreamMessage[];
  /** The id from which a client would resume. */
  lastId(): string | undefined;
  /** Stops reading. */
  pause(): void;
  /** Fulfilled when the connection has ended. */
  readonly ended: Promise<void>;
  kill(): void;
}

export interface StreamOptions {
  readonly lastId?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly onMessage?: (message: StreamMessage) => void;
}

/** Follows server-sent events as a browser's EventSource does, but reconnects only on request. */
export function openStream(url: string, options: StreamOptions = {}): Promise<OpenStream> {
  const headers = {
    ...options.headers,
    ...(options.lastId !== undefined && { 'last-event-id': options.lastId }),
  };
  return new Promise((resolve, reject) => {
    const request = get(url, { headers, agent: false }, (response) => {
      const messages: StreamMessage[] = [];
      let lastId = options.lastId;
      let rest = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        const blocks = (rest + text).split('\n\n');
        rest = blocks.pop() ?? '';
        for (const block of blocks) {
          const message = parseBlock(block);
          lastId = message.id ?? lastId;
          messages.push(message);
          options.onMessage?.(message);
        }
      });
      const ended = new Promise<void>((done) => response.once('close', done));
      response.on('error', () => undefined);
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        messages,
        lastId: () => lastId,
        pause: () => response.pause(),
        ended,
        kill: () => request.destroy(),
      });
    });
    request.on('error', reject);
  });
}

function parseBlock(block: string): StreamMessage {
  const fields = new Map(
    block.split('\n').map((line) => {
      const [, name = '', value = ''] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
      return [name, value] as const;
    }),
  );
  const [id, data] = [fields.get('id'), fields.get('data')];
  return {
    event: fields.get('event') ?? 'message',
    ...(id !== undefined && { id }),
    ...(data !== undefined && { data }),
  };
}
