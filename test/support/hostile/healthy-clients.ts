import { get as httpGet } from 'node:http';
import { quantile, startHealthyClient, type HealthyClient } from './healthy-client.ts';
import { TOKEN } from './world.ts';

/** The results of one kind of request, ms. */
export interface RequestFigures {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** Requests that were not answered with 200. */
  readonly failed: readonly string[];
}

/** Lag of Tocsin's event loop between two scrapes, seconds. */
export interface LoopLag {
  /** The maximum, and the median. */
  readonly p99: { readonly max: number; readonly median: number };
  readonly max: number;
}

export interface HealthyClients {
  stop(): Promise<{ readonly requests: Readonly<Record<string, RequestFigures>>; readonly lag: LoopLag }>;
}

const HEADERS = { authorization: `Bearer ${TOKEN}` };
const PAGE = '/api/v1/alerts?limit=1000';

interface HealthyOptions {
  readonly url: string;
  readonly deliver: (signal: AbortSignal) => Promise<Response>;
  /** How long they wait for a response. */
  readonly timeoutMs: number;
}

/** Clients with a token that continuously send the requests of people and Prometheus, and a sender of deliveries. */
export function startHealthyClients({ url, deliver, timeoutMs }: HealthyOptions): HealthyClients {
  const lags = { p99: [] as number[], max: [] as number[] };
  const get = (path: string) => (signal: AbortSignal) => fetch(url + path, { headers: HEADERS, signal });
  const start = (everyMs: number, ask: (signal: AbortSignal) => Promise<Response>) =>
    startHealthyClient(everyMs, ask, timeoutMs);
  const clients: Readonly<Record<string, HealthyClient>> = {
    '/-/healthy': start(20, get('/-/healthy')),
    '/-/healthy, a new connection each': start(500, (signal) => getAlone(`${url}/-/healthy`, signal)),
    '/metrics': start(1_000, async (signal) => {
      const answer = await get('/metrics')(signal);
      const text = await answer.text();
      for (const which of ['p99', 'max'] as const) {
        const value = new RegExp(`^nodejs_eventloop_lag_${which}_seconds (\\S+)`, 'm').exec(text)?.[1];
        if (value !== undefined) lags[which].push(Number(value));
      }
      return new Response(null, { status: answer.status });
    }),
    '/api/v1/alerts, 1,000 a page': start(250, pages(get)),
    '/health': start(100, get('/health')),
    'deliveries of Alertmanager': start(250, deliver),
  };
  return {
    stop: async () => {
      const stopped = await Promise.all(
        Object.entries(clients).map(async ([name, client]) => [name, await client.stop()] as const),
      );
      const requests = stopped.map(([name, { ms, failed }]) => {
        const [p50 = NaN, p99 = NaN, max = NaN] = [0.5, 0.99, 1].map((share) => quantile(ms, share));
        return [name, { count: ms.length, p50, p99, max, failed }] as const;
      });
      return { requests: Object.fromEntries(requests), lag: lagOf(lags) };
    },
  };
}

function lagOf({ p99, max }: { readonly p99: number[]; readonly max: number[] }): LoopLag {
  const sorted = p99.sort((a, b) => a - b);
  return {
    p99: { max: quantile(sorted, 1), median: quantile(sorted, 0.5) },
    max: Math.max(...max),
  };
}

/** Over a new connection. */
function getAlone(url: string, signal: AbortSignal): Promise<Response> {
  return new Promise((resolve, reject) => {
    const request = httpGet(url, { agent: false, headers: HEADERS, signal }, (answer) => {
      answer.resume().once('end', () => resolve(new Response(null, { status: answer.statusCode ?? 500 })));
    });
    request.once('error', reject);
    request.once('close', () => reject(new Error('the connection ended before the answer did')));
  });
}

/** The list of open alerts page by page, and from its start again. */
function pages(get: (path: string) => (signal: AbortSignal) => Promise<Response>) {
  let after = '';
  return async (signal: AbortSignal): Promise<Response> => {
    const answer = await get(PAGE + after)(signal);
    const { next_after } = (await answer.json()) as { next_after?: string | null };
    after = typeof next_after === 'string' ? `&after=${next_after}` : '';
    return new Response(null, { status: answer.status });
  };
}
