import { dnsProber } from './dns.ts';
import { grpcProber } from './grpc.ts';
import { httpProber } from './http.ts';
import { icmpProber } from './icmp.ts';
import type { Prober } from './prober.ts';
import { redisProber } from './redis.ts';
import { tcpProber } from './tcp.ts';
import { tlsProber } from './tls.ts';
import { unixProber } from './unix.ts';
import { websocketProber } from './websocket.ts';

/** All probers. Adding one is one file and one line here. */
export const probers: readonly Prober[] = [
  httpProber,
  tcpProber,
  unixProber,
  tlsProber,
  dnsProber,
  icmpProber,
  grpcProber,
  websocketProber,
  redisProber,
];
