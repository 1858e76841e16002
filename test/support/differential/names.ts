import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { decode, encode, streamDecode, streamEncode, type Answer, type Packet } from 'dns-packet';
import type { Pair, PairServer } from './differential.ts';
import { listen } from '../servers/tcp.ts';

type Settings = Readonly<Record<string, unknown>>;

const NAME = 'example.test';

interface Reply {
  readonly rcode?: number;
  readonly answers?: Answer[];
  readonly authorities?: Answer[];
  readonly additionals?: Answer[];
  /** No answer. */
  readonly silent?: boolean;
}

function replyTo(question: Packet, { rcode = 0, answers, authorities, additionals }: Reply): Packet {
  return {
    id: question.id,
    type: 'response',
    // authoritative, recursion desired and available
    flags: 0x0580 | rcode,
    questions: question.questions,
    answers: answers ?? [],
    authorities: authorities ?? [],
    additionals: additionals ?? [],
  };
}

async function overUdp(reply: Reply): Promise<PairServer> {
  const socket = createSocket('udp4');
  socket.on('message', (message, from) => {
    if (reply.silent === true) return;
    socket.send(encode(replyTo(decode(message), reply)), from.port, from.address);
  });
  await new Promise<void>((resolve) => {
    socket.bind(0, '127.0.0.1', resolve);
  });
  return { target: `127.0.0.1:${socket.address().port}`, stop: () => void socket.close() };
}

async function overTcp(reply: Reply): Promise<PairServer> {
  const server = await listen(
    createServer((socket) => {
      socket.once('data', (data: Buffer) => {
        socket.write(streamEncode(replyTo(streamDecode(data), reply)));
      });
    }),
  );
  return { target: server.address, stop: () => server.close() };
}

function dns(name: string, settings: Settings, reply: Reply, more: Partial<Pair> = {}): Pair {
  return {
    name: `dns: ${name}`,
    module: {
      prober: 'dns',
      timeout: '10s',
      dns: { preferred_ip_protocol: 'ip4', query_name: NAME, query_type: 'A', ...settings },
    },
    start: () => (settings['transport_protocol'] === 'tcp' ? overTcp(reply) : overUdp(reply)),
    ...more,
  };
}

const address: Answer = { type: 'A', name: NAME, ttl: 60, data: '192.0.2.1' };
const second: Answer = { type: 'A', name: NAME, ttl: 60, data: '192.0.2.2' };
const server: Answer = { type: 'NS', name: NAME, ttl: 60, data: 'ns.example.test' };
const soa: Answer = {
  type: 'SOA',
  name: NAME,
  ttl: 60,
  data: {
    mname: 'ns.example.test',
    rname: 'root.example.test',
    serial: 2026112101,
    refresh: 3600,
    retry: 600,
    expire: 86400,
    minimum: 60,
  },
};

const A = String.raw`example\.test\.\t60\tIN\tA\t192\.0\.2\.1`;

const rules: readonly Pair[] = [
  dns(
    'a record that it must not be',
    { validate_answer_rrs: { fail_if_matches_regexp: [A] } },
    { answers: [address] },
  ),
  dns(
    'no record that it must not be',
    { validate_answer_rrs: { fail_if_matches_regexp: ['x'] } },
    { answers: [address] },
  ),
  dns(
    'all as they must not be',
    { validate_answer_rrs: { fail_if_all_match_regexp: ['192'] } },
    { answers: [address, second] },
  ),
  dns(
    'not all as they must not be',
    { validate_answer_rrs: { fail_if_all_match_regexp: [A] } },
    { answers: [address, second] },
  ),
  dns(
    'one that is not as all must be',
    { validate_answer_rrs: { fail_if_not_matches_regexp: [A] } },
    { answers: [address, second] },
  ),
  dns(
    'all as they must be',
    { validate_answer_rrs: { fail_if_not_matches_regexp: ['192'] } },
    { answers: [address, second] },
  ),
  dns(
    'none as one must be',
    { validate_answer_rrs: { fail_if_none_matches_regexp: ['10'] } },
    { answers: [address, second] },
  ),
  dns(
    'one as one must be',
    { validate_answer_rrs: { fail_if_none_matches_regexp: [A] } },
    { answers: [address, second] },
  ),
  dns('rules for no records', { validate_answer_rrs: { fail_if_all_match_regexp: ['x'] } }, {}),
  dns(
    'rules for authorities',
    { validate_authority_rrs: { fail_if_not_matches_regexp: ['ns\\.example'] } },
    { answers: [address], authorities: [server] },
  ),
  dns(
    'rules for additional records',
    { validate_additional_rrs: { fail_if_matches_regexp: ['192'] } },
    { answers: [server], additionals: [address] },
  ),
];

export const namePairs: readonly Pair[] = [
  dns('an address', {}, { answers: [address] }),
  dns('no answers', {}, {}),
  dns(
    'answers, authorities, additional records',
    {},
    { answers: [address, second], authorities: [server], additionals: [second] },
  ),
  dns(
    'AAAA',
    { query_type: 'AAAA' },
    { answers: [{ type: 'AAAA', name: NAME, ttl: 60, data: '2001:db8::1' }] },
  ),
  dns(
    'CNAME',
    { query_type: 'CNAME' },
    { answers: [{ type: 'CNAME', name: NAME, ttl: 60, data: 'a.test' }] },
  ),
  dns(
    'MX',
    { query_type: 'MX' },
    { answers: [{ type: 'MX', name: NAME, ttl: 60, data: { preference: 10, exchange: 'mx.test' } }] },
  ),
  dns(
    'TXT',
    { query_type: 'TXT', validate_answer_rrs: { fail_if_not_matches_regexp: ['"a b"'] } },
    { answers: [{ type: 'TXT', name: NAME, ttl: 60, data: 'a b' }] },
  ),
  dns(
    'SRV',
    { query_type: 'SRV' },
    {
      answers: [
        { type: 'SRV', name: NAME, ttl: 60, data: { priority: 1, weight: 2, port: 3, target: 'a.test' } },
      ],
    },
  ),
  dns('SOA', { query_type: 'SOA' }, { answers: [soa] }),
  dns('SOA without one', { query_type: 'SOA' }, {}),
  dns('SOA among the authorities', { query_type: 'SOA' }, { authorities: [soa] }),
  dns('SOA and NXDOMAIN', { query_type: 'SOA' }, { rcode: 3 }),
  dns(
    'SOA and a rule that fails',
    { query_type: 'SOA', validate_answer_rrs: { fail_if_matches_regexp: ['ns'] } },
    { answers: [soa] },
  ),
  dns('SOA and no answer at all', { query_type: 'SOA' }, { silent: true }, { timeoutSeconds: 2 }),
  dns('any type', { query_type: 'ANY' }, { answers: [address, soa] }),
  dns('NXDOMAIN', {}, { rcode: 3 }),
  dns('NXDOMAIN that is wanted', { valid_rcodes: ['NXDOMAIN', 'NOERROR'] }, { rcode: 3, authorities: [soa] }),
  dns('SERVFAIL', {}, { rcode: 2 }),
  dns('REFUSED', {}, { rcode: 5 }),
  dns('NOERROR that is not wanted', { valid_rcodes: ['NXDOMAIN'] }, { answers: [address] }),
  dns('TCP', { transport_protocol: 'tcp' }, { answers: [address] }),
  dns('TCP and SERVFAIL', { transport_protocol: 'tcp' }, { rcode: 2 }),
  dns('recursion that is not desired', { recursion_desired: false }, { answers: [address] }),
  dns('no answer at all', {}, { silent: true }, { timeoutSeconds: 2 }),
  ...rules,
];
