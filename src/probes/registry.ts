import { httpProber } from './http.ts';
import type { Prober } from './prober.ts';
import { redisProber } from './redis.ts';
import { tcpProber } from './tcp.ts';

/** Every prober there is. Adding one is one file and one line here. */
export const probers: readonly Prober[] = [httpProber, tcpProber, redisProber];
