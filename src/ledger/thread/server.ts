import type { MessagePort } from 'node:worker_threads';
import type { Clock } from '../../domain/clock.ts';
import type { Logger } from '../../domain/log.ts';
import type {
  CallHandlers,
  CallName,
  LedgerStore,
  LogLevel,
  Reply,
  Request,
  StoreHooks,
  ThreadMessage,
} from './protocol.ts';

/** The summary is sent at most this often. */
const SUMMARY_MS = 100;

interface ServerOptions {
  readonly port: MessagePort;
  readonly clock: Clock;
  /** Opens the store; an error is sent to the other side as the reason why the ledger cannot start. */
  readonly open: (hooks: StoreHooks) => LedgerStore;
}

/** Serves a store to the thread on the other side of the port, until that sends `close`. */
export function serveLedger({ port, clock, open }: ServerOptions): void {
  const send = (message: ThreadMessage) => port.postMessage(message);
  let store: LedgerStore;
  const summary = throttle(clock, () => send({ kind: 'summary', summary: store.summary() }));
  try {
    store = open({
      logger: portLogger(send),
      onCommit: summary,
      onWritable: (reason) => send({ kind: 'writable', ...(reason !== undefined && { reason }) }),
      onForeignWrite: endThread,
    });
  } catch (error) {
    send({ kind: 'refused', message: messageOf(error) });
    port.close();
    return;
  }
  send({ kind: 'summary', summary: store.summary() });
  send({ kind: 'ready' });
  const reply = replyInGroups(send);
  port.on('message', (request: Request) => {
    if (request.call === 'close') {
      store.close();
      // first send the replies to what was just committed
      setImmediate(() => port.close());
    } else {
      void answer(store.calls, request).then(reply);
    }
  });
}

/** Ends the thread; the other side starts a new one on the file as it is now. */
function endThread(): void {
  setImmediate(() => {
    throw new Error('another process has written to the ledger, which must be read again');
  });
}

async function answer(
  calls: CallHandlers,
  request: { readonly id: number; readonly call: CallName; readonly argument: unknown },
): Promise<Reply> {
  const { id, call, argument } = request;
  // the client's methods pair each call with its argument
  const run = calls[call] as (argument: unknown) => unknown;
  try {
    return { id, ok: true, value: await run(argument) };
  } catch (error) {
    return { id, ok: false, message: messageOf(error) };
  }
}

/** Sends the replies of one commit in one message. */
function replyInGroups(send: (message: ThreadMessage) => void): (reply: Reply) => void {
  let replies: Reply[] = [];
  return (reply) => {
    replies.push(reply);
    if (replies.length > 1) return;
    queueMicrotask(() => {
      send({ kind: 'replies', replies });
      replies = [];
    });
  };
}

/** Runs at once if that was not done recently, otherwise as soon as the interval has passed. */
function throttle(clock: Clock, run: () => void): () => void {
  let last = Number.NEGATIVE_INFINITY;
  let waiting = false;
  const now = () => {
    waiting = false;
    last = clock.monotonic();
    run();
  };
  return () => {
    if (waiting) return;
    const rest = last + SUMMARY_MS - clock.monotonic();
    if (rest <= 0) {
      now();
      return;
    }
    waiting = true;
    clock.after(rest, now);
  };
}

/** Logs in the thread on the other side. */
export function portLogger(send: (message: ThreadMessage) => void): Logger {
  const at = (level: LogLevel) => (fields: Readonly<Record<string, unknown>>, message: string) =>
    send({ kind: 'log', level, fields, message });
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
