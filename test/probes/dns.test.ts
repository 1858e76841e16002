import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Answer, DecodedPacket } from 'dns-packet';
import { dnsProber } from '../../src/probes/dns.ts';
import { NameNotFoundError } from '../../src/probes/net/resolver.ts';
import { CertificateMint } from '../support/probes/certificates.ts';
import { exposedFamilies, probeOf, refusals, run, valueOf, verdictText } from '../support/probes/probe.ts';
import {
  addressRecord,
  reply,
  startNameServer,
  type Answering,
  type NameServer,
  type NameServerOptions,
  type ReplyOptions,
} from '../support/servers/name-server.ts';
import { closedPort, startTcp, type TestServer } from '../support/servers/tcp.ts';

let mint: CertificateMint;
const servers: { close(): Promise<void> }[] = [];

beforeAll(() => {
  mint = new CertificateMint();
});
afterAll(() => mint.remove());
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function serve(answer: Answering | ReplyOptions, options?: NameServerOptions): Promise<NameServer> {
  const answering: Answering = typeof answer === 'function' ? answer : (query) => [reply(query, answer)];
  const server = await startNameServer(answering, options);
  servers.push(server);
  return server;
}

const ONE = { answers: [addressRecord('1.2.3.4')] };
const TWO = { answers: [addressRecord('1.2.3.4'), addressRecord('1.2.3.5')] };
const soa: Answer = {
  type: 'SOA',
  name: 'www.example',
  data: {
    mname: 'ns.example',
    rname: 'admin.example',
    serial: 2_026_112_101,
    refresh: 1,
    retry: 1,
    expire: 1,
    minimum: 1,
  },
};

type Settings = Readonly<Record<string, unknown>>;
const asking = (settings: Settings = {}) => ({
  settings: { query_name: 'www.example', query_type: 'A', ...settings },
});

async function ask(answer: Answering | ReplyOptions, settings?: Settings) {
  return run(dnsProber, (await serve(answer)).address, asking(settings));
}

describe.each(['udp', 'tcp'] as const)('a dns run over %s', (transport_protocol) => {
  it('succeeds on an answer, and exposes the number of its records', async () => {
    const additionals = [addressRecord('::1'), addressRecord('::2'), addressRecord('::3')];
    const server = await serve({ ...TWO, authorities: [soa], additionals });
    const result = await run(dnsProber, server.address, asking({ transport_protocol }));
    expect(verdictText(result)).toBe('success');
    expect(valueOf(result, 'probe_dns_answer_rrs')).toBe(2);
    expect(valueOf(result, 'probe_dns_authority_rrs')).toBe(1);
    expect(valueOf(result, 'probe_dns_additional_rrs')).toBe(3);
    expect(valueOf(result, 'probe_dns_query_succeeded')).toBe(1);
    expect(Object.keys(result.phases)).toEqual(['resolve', 'connect', 'processing']);
    for (const phase of ['resolve', 'connect', 'request'])
      expect(valueOf(result, 'probe_dns_duration_seconds', { phase })).toBeGreaterThanOrEqual(0);
    await server.streams.idle();
    expect(server.streams.accepted()).toBe(transport_protocol === 'tcp' ? 1 : 0);
  });

  it.each([
    ['SERVFAIL', undefined, 'status: The server answered SERVFAIL; valid_rcodes: NOERROR'],
    ['NXDOMAIN', ['NOERROR'], 'status: The server answered NXDOMAIN; valid_rcodes: NOERROR'],
    ['NXDOMAIN', ['NOERROR', 'NXDOMAIN'], 'success'],
    ['NOERROR', ['NXDOMAIN'], 'status: The server answered NOERROR; valid_rcodes: NXDOMAIN'],
    ['REFUSED', ['REFUSED'], 'success'],
  ] as const)('on %s with valid_rcodes %j: %s', async (rcode, valid_rcodes, expected) => {
    const settings = { transport_protocol, ...(valid_rcodes !== undefined && { valid_rcodes }) };
    const result = await ask({ rcode }, settings);
    expect(verdictText(result)).toBe(expected);
    expect(valueOf(result, 'probe_dns_query_succeeded')).toBe(1);
  });

  it('asks for the name of the settings', async () => {
    const server = await serve(ONE);
    const settings = {
      query_name: 'x.example.',
      query_type: 'MX',
      query_class: 'CH',
      recursion_desired: false,
    };
    await run(dnsProber, server.address, asking({ transport_protocol, ...settings }));
    const [query] = server.queries;
    expect(query?.questions).toEqual([{ name: 'x.example', type: 'MX', class: 'CH' }]);
    expect(query?.flag_rd).toBe(false);
  });

  it('fails with timeout when the server is silent', async () => {
    const server = await serve(() => 'silence');
    const result = await run(dnsProber, server.address, {
      ...asking({ transport_protocol }),
      timeoutMs: 1_000,
    });
    expect(verdictText(result)).toBe('timeout: Request timed out after 1s while waiting for the answer');
    expect(valueOf(result, 'probe_dns_answer_rrs')).toBeUndefined();
    await server.streams.idle();
  });

  it('fails with connect_refused when nothing listens', async () => {
    const port = await closedPort();
    expect(verdictText(await run(dnsProber, `127.0.0.1:${port}`, asking({ transport_protocol })))).toBe(
      `connect_refused: Connection refused by 127.0.0.1:${port}`,
    );
  });

  it.each([
    ['a truncated record', 'the message is truncated', (sent: Buffer) => sent.subarray(0, sent.length - 2)],
    ['a name in a loop', 'a name points to itself', (sent: Buffer) => loop(sent)],
  ])('fails with protocol on %s', async (_what, why, break_) => {
    const result = await ask((query) => [break_(reply(query, ONE))], { transport_protocol });
    expect(verdictText(result)).toBe(`protocol: The answer is malformed: ${why}`);
  });

  it('asks over IPv6', async () => {
    const server = await serve(ONE, { host: '::1' });
    const result = await run(dnsProber, server.address, asking({ transport_protocol }));
    expect(verdictText(result)).toBe('success');
    expect(valueOf(result, 'probe_ip_protocol')).toBe(6);
  });

  it('asks from the configured address', async () => {
    const server = await serve(ONE);
    const settings = asking({ transport_protocol, source_ip_address: '127.0.0.9' });
    expect(verdictText(await run(dnsProber, server.address, settings))).toBe('success');
  });

  it.each([
    ['192.0.2.77', 'config: source_ip_address 192.0.2.77 is not an address of this host'],
    ['::1', 'config: source_ip_address ::1 cannot reach 127.0.0.1: one is IPv4, the other IPv6'],
  ])('fails with config when it cannot ask from %s', async (source_ip_address, expected) => {
    expect(verdictText(await ask(ONE, { transport_protocol, source_ip_address }))).toBe(expected);
  });
});

/** Makes the name of the answer's first record point at itself. */
function loop(sent: Buffer): Buffer {
  const at = 12 + 13 + 4;
  const broken = Buffer.concat([sent.subarray(0, at), Buffer.from([0xc0, at]), sent.subarray(at + 13)]);
  return broken;
}

describe('answers over udp', () => {
  it('are ignored with another id, another question, or if they are not answers', async () => {
    const result = await ask((query) => {
      const other = { ...query, questions: [{ name: 'other.example', type: 'A' as const }] };
      const echo = Buffer.from(reply(query));
      echo.writeUInt16BE(0x0100, 2);
      return [
        reply(query, { rcode: 'SERVFAIL', id: ((query.id ?? 0) + 1) % 0x1_0000 }),
        reply(other, { rcode: 'SERVFAIL' }),
        Buffer.from('not a message'),
        echo,
        reply(query, TWO),
      ];
    });
    expect(verdictText(result)).toBe('success');
    expect(valueOf(result, 'probe_dns_answer_rrs')).toBe(2);
    expect(result.log.filter(({ message }) => message.startsWith('ignored'))).toHaveLength(4);
  });

  it('are ignored from an address other than the one asked', async () => {
    const liar = createSocket('udp4');
    await new Promise<void>((resolve) => {
      liar.bind(0, '127.0.0.1', resolve);
    });
    let client: number | undefined;
    // the server itself is silent; only its neighbour answers, with the right id and question
    const socket = createSocket('udp4', (message, from) => {
      client = from.port;
      const { decode } = packet;
      liar.send(reply(decode(message), ONE), from.port, from.address);
    });
    const packet = await import('dns-packet');
    await new Promise<void>((resolve) => {
      socket.bind(0, '127.0.0.1', resolve);
    });
    const result = await run(dnsProber, `127.0.0.1:${socket.address().port}`, {
      ...asking(),
      timeoutMs: 1_000,
    });
    expect(client).toBeDefined();
    expect(verdictText(result)).toMatch(/^timeout:/);
    socket.close();
    liar.close();
  });

  it('count as they are when truncated, without another query over tcp', async () => {
    const server = await serve((query) => [reply(query, { ...ONE, truncated: true })]);
    const result = await run(dnsProber, server.address, asking());
    expect(verdictText(result)).toBe('success');
    expect(valueOf(result, 'probe_dns_answer_rrs')).toBe(1);
    expect(server.queries).toHaveLength(1);
    expect(result.log.find(({ message }) => message === 'answered')?.fields).toMatchObject({
      truncated: true,
    });
  });

  it('are read completely when larger than 512 bytes', async () => {
    const answers = Array.from({ length: 60 }, (_, i) => addressRecord(`10.0.0.${i}`));
    expect(valueOf(await ask({ answers }), 'probe_dns_answer_rrs')).toBe(60);
  });

  it('are accepted without the question', async () => {
    expect(verdictText(await ask((query) => [reply(query, { ...ONE, question: false })]))).toBe('success');
  });

  it('are accepted in another case', async () => {
    const upper = (query: DecodedPacket) => ({
      ...query,
      questions: (query.questions ?? []).map((one) => ({ ...one, name: one.name.toUpperCase() })),
    });
    expect(verdictText(await ask((query) => [reply(upper(query), ONE)]))).toBe('success');
  });
});

describe('answers over tcp', () => {
  const settings = { transport_protocol: 'tcp' };

  it('fail with protocol when they are to another query', async () => {
    const result = await ask((query) => [reply(query, { id: ((query.id ?? 0) + 1) % 0x1_0000 })], settings);
    expect(verdictText(result)).toBe(
      'protocol: The server answered a different query from the one that was sent',
    );
  });

  it('fail with protocol when the server closes the connection instead', async () => {
    const result = await ask(() => 'hang up', settings);
    expect(verdictText(result)).toBe('protocol: The server closed the connection without an answer');
  });

  it('fail with protocol when they are truncated', async () => {
    const server = await startTcp((socket) =>
      socket.once('data', () => socket.end(Buffer.from([0, 40, 1, 2, 3]))),
    );
    servers.push(server);
    expect(verdictText(await run(dnsProber, server.address, asking(settings)))).toBe(
      'protocol: The server closed the connection after 3 bytes of the answer, before 40 bytes',
    );
  });

  it('may arrive in any pieces', async () => {
    const server: TestServer = await startTcp((socket) => {
      socket.setNoDelay(true);
      socket.once('data', (bytes: Buffer) => {
        const id = bytes.readUInt16BE(2);
        const header = Buffer.from([0, 12, id >> 8, id & 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        const next = (at: number): void => {
          if (at < header.length) socket.write(header.subarray(at, at + 1), () => next(at + 1));
        };
        next(0);
      });
    });
    servers.push(server);
    const result = await run(dnsProber, server.address, asking(settings));
    expect(verdictText(result)).toBe('success');
    expect(valueOf(result, 'probe_dns_answer_rrs')).toBe(0);
  });
});

describe('dns over tls', () => {
  it('asks over a verified connection', async () => {
    const server = await serve(ONE, { tls: mint.leaf() });
    const settings = {
      dns_over_tls: true,
      tls_config: { ca_file: mint.caFile },
      preferred_ip_protocol: 'ip4',
    };
    const result = await run(dnsProber, `localhost:${server.port}`, asking(settings));
    expect(verdictText(result)).toBe('success');
    expect(Object.keys(result.phases)).toEqual(['resolve', 'connect', 'tls', 'processing']);
    const connect = valueOf(result, 'probe_dns_duration_seconds', { phase: 'connect' }) ?? 0;
    expect(connect).toBeCloseTo((result.phases.connect ?? 0) + (result.phases.tls ?? 0), 9);
    await server.streams.idle();
  });

  it('sends nothing to a server whose certificate is refused', async () => {
    const server = await serve(ONE, { tls: mint.expired() });
    const settings = {
      dns_over_tls: true,
      tls_config: { ca_file: mint.caFile },
      preferred_ip_protocol: 'ip4',
    };
    const result = await run(dnsProber, `localhost:${server.port}`, asking(settings));
    expect(verdictText(result)).toMatch(/^tls_expired:/);
    expect(server.queries).toEqual([]);
    await server.streams.idle();
  });

  it('fails with tls against a server that does not speak TLS', async () => {
    const server = await startTcp((socket) => socket.write('220 mail.example ESMTP\r\n'));
    servers.push(server);
    expect(verdictText(await run(dnsProber, server.address, asking({ dns_over_tls: true })))).toBe(
      'tls: TLS handshake failed: the server does not speak TLS',
    );
  });
});

describe('rules about records', () => {
  const rrs = (rules: Settings) => ({ validate_answer_rrs: rules });
  it.each([
    [
      { fail_if_matches_regexp: ['4$'] },
      'A record matches "4$": www.example. 300 IN A 1.2.3.4 (validate_answer_rrs)',
    ],
    [{ fail_if_matches_regexp: ['9$'] }, undefined],
    [
      { fail_if_not_matches_regexp: ['4$'] },
      'A record does not match "4$": www.example. 300 IN A 1.2.3.5 (validate_answer_rrs)',
    ],
    [{ fail_if_not_matches_regexp: ['^www\\.example\\.\t300\tIN\tA\t1\\.2\\.3\\.[45]$'] }, undefined],
    [{ fail_if_none_matches_regexp: ['5$', '9$'] }, undefined],
    [
      { fail_if_none_matches_regexp: ['9$'] },
      'No record matches any of fail_if_none_matches_regexp (validate_answer_rrs)',
    ],
    [{ fail_if_all_match_regexp: ['1.2.3'] }, undefined],
    [
      { fail_if_all_match_regexp: ['1.2.3.4'] },
      'A record does not match fail_if_all_match_regexp: www.example. 300 IN A 1.2.3.5 (validate_answer_rrs)',
    ],
  ])('%j', async (rules, text) => {
    const result = await ask(TWO, rrs(rules));
    expect(verdictText(result)).toBe(text === undefined ? 'success' : `content: ${text}`);
    expect(valueOf(result, 'probe_dns_answer_rrs')).toBe(2);
  });

  it.each(['answer', 'authority', 'additional'])(
    'of the %s section fail without any record',
    async (section) => {
      const key = `validate_${section}_rrs`;
      for (const rule of ['fail_if_not_matches_regexp', 'fail_if_none_matches_regexp'])
        expect(verdictText(await ask({}, { [key]: { [rule]: ['.*'] } }))).toBe(
          `content: There is no ${section} record, and one must match (${key})`,
        );
      for (const rule of ['fail_if_matches_regexp', 'fail_if_all_match_regexp'])
        expect(verdictText(await ask({}, { [key]: { [rule]: ['.*'] } }))).toBe('success');
    },
  );

  it('apply to their own section only', async () => {
    const answer = { ...ONE, authorities: [soa], additionals: [addressRecord('9.9.9.9')] };
    const matching = (section: string, regexp: string) => ({
      [`validate_${section}_rrs`]: { fail_if_matches_regexp: [regexp] },
    });
    expect(verdictText(await ask(answer, matching('additional', 'SOA')))).toBe('success');
    expect(verdictText(await ask(answer, matching('authority', 'SOA')))).toMatch(/^content:/);
    expect(verdictText(await ask(answer, matching('additional', '9\\.9')))).toMatch(/^content:/);
  });

  it('match in linear time where other engines backtrack', async () => {
    const answers: Answer[] = [{ type: 'TXT', name: 'www.example', data: `${'a'.repeat(250)}!` }];
    const expressions = rrs({ fail_if_matches_regexp: ['"(a+)+"$'] });
    expect(verdictText(await ask({ answers }, { query_type: 'TXT', ...expressions }))).toBe('success');
  });
});

describe('the serial number of a zone', () => {
  it('is exposed for a SOA query', async () => {
    const result = await ask({ answers: [soa] }, { query_type: 'SOA' });
    expect(valueOf(result, 'probe_dns_serial')).toBe(2_026_112_101);
  });

  it('is the last of several, as in blackbox_exporter', async () => {
    const next: Answer = { ...soa, data: { mname: 'ns', rname: 'a', serial: 7 } };
    expect(valueOf(await ask({ answers: [soa, next] }, { query_type: 'SOA' }), 'probe_dns_serial')).toBe(7);
  });

  it('is absent without a SOA record, and for other queries', async () => {
    expect(valueOf(await ask(ONE, { query_type: 'SOA' }), 'probe_dns_serial')).toBeUndefined();
    expect(valueOf(await ask({ answers: [soa] }), 'probe_dns_serial')).toBeUndefined();
  });
});

describe('the name to ask for', () => {
  it('may be in the target, with type and class', async () => {
    const server = await serve(ONE);
    const result = await run(dnsProber, `dns://${server.address}/api.example?type=aaaa;class=CH`);
    expect(verdictText(result)).toBe('success');
    expect(server.queries[0]?.questions).toEqual([{ name: 'api.example', type: 'AAAA', class: 'CH' }]);
  });

  it('from the target overrides that of the settings, which provide the rest', async () => {
    const server = await serve(ONE);
    await run(dnsProber, `dns://${server.address}/api.example`, asking({ query_type: 'MX' }));
    expect(server.queries[0]?.questions).toEqual([{ name: 'api.example', type: 'MX', class: 'IN' }]);
  });

  it('is required: a service without it is refused, and a module always has it', async () => {
    const probe = probeOf(dnsProber);
    expect(probe.missing?.()).toBe('query_name is missing: set the name to query');
    expect(probe.missing?.('127.0.0.1')).toContain('dns://server/name?type=AAAA');
    expect(probe.missing?.('dns://127.0.0.1/')).toContain('query_name is missing');
    expect(probe.missing?.('dns://127.0.0.1/example.org')).toBeUndefined();
    expect(probeOf(dnsProber, { query_name: 'example.org' }).missing?.()).toBeUndefined();
    expect(verdictText(await run(dnsProber, '127.0.0.1:53'))).toMatch(/^config: query_name is missing/);
  });

  it('may be written as in zone files', async () => {
    const server = await serve(ONE);
    await run(dnsProber, server.address, {
      ...asking({ query_name: 'a\\.b.\\101.example' }),
      timeoutMs: 1_000,
    });
    expect(server.queries[0]?.questions?.[0]?.name).toBe('a.b.e.example');
  });

  it('fails with dns when it does not resolve as a server', async () => {
    const resolver = {
      lookup: () => Promise.reject(new NameNotFoundError('The name no.test does not exist')),
    };
    const result = await run(dnsProber, 'no.test', { ...asking(), resolver });
    expect(verdictText(result)).toBe('dns: The name no.test does not exist');
    expect(valueOf(result, 'probe_dns_duration_seconds', { phase: 'resolve' })).toBeGreaterThanOrEqual(0);
    expect(valueOf(result, 'probe_dns_duration_seconds', { phase: 'connect' })).toBeUndefined();
  });
});

describe('defect 7 of blackbox_exporter: mistakes are found only when it probes', () => {
  it.each([
    [{ query_type: 'NOPE' }, 'query_type: "NOPE" is not a DNS record type, such as A, AAAA or SOA'],
    [
      { query_type: 'aaaa' },
      'query_type: "aaaa" is not a DNS record type, such as A, AAAA or SOA; did you mean AAAA?',
    ],
    [{ query_class: 'INET' }, 'query_class: "INET" is not a DNS class, such as IN or CH'],
    [
      { valid_rcodes: ['OK'] },
      'valid_rcodes.0: "OK" is not a DNS response code, such as NOERROR or NXDOMAIN',
    ],
    [
      { valid_rcodes: [] },
      'valid_rcodes: expected at least one response code: without any, no answer is valid',
    ],
    [
      { transport_protocol: 'TCP' },
      'transport_protocol: "TCP" is not a transport (udp or tcp); did you mean tcp?',
    ],
    [
      { transport_protocol: 'udp', dns_over_tls: true },
      'transport_protocol: DNS over TLS uses tcp; leave transport_protocol out, or set tcp',
    ],
    [
      { validate_answer_rrs: { fail_if_matches_regexp: ['(('] } },
      'validate_answer_rrs.fail_if_matches_regexp.0: "((" is not a regular expression (RE2 syntax): error parsing regexp: missing closing ): `((`',
    ],
    [{ source_ip_address: 'here' }, 'source_ip_address: expected an IP address of this host'],
    [{ query_name: 'a..b' }, 'query_name: expected a domain name, such as example.org'],
    [{ query_name: 'x'.repeat(64) }, 'query_name: expected a domain name, such as example.org'],
    [{ fail: true }, ': Unrecognized key: "fail"'],
  ])('not here: %j is refused when the configuration is loaded', (settings, expected) => {
    expect(refusals(dnsProber, settings)).toEqual([expected]);
  });
});

it('defect 11 of blackbox_exporter: 0 for what was not measured: not here', async () => {
  const server = await serve(() => 'silence');
  const result = await run(dnsProber, server.address, { ...asking(), timeoutMs: 1_000 });
  expect(exposedFamilies(result)).not.toMatch(/_rrs|query_succeeded/);
});

it('exposes what its golden file says, and what blackbox_exporter exposes besides', async () => {
  const result = await ask({ answers: [soa] }, { query_type: 'SOA' });
  expect(exposedFamilies(result)).toBe(readFileSync('test/probes/golden/dns.txt', 'utf8'));
  const unmeasured = probeOf(dnsProber, { query_name: 'x' }).unmeasured?.([]) ?? [];
  expect(unmeasured.map(({ family, labels, value }) => [family.name, labels['phase'], value])).toEqual([
    ['probe_dns_duration_seconds', 'resolve', 0],
    ['probe_dns_duration_seconds', 'connect', 0],
    ['probe_dns_duration_seconds', 'request', 0],
    ['probe_dns_answer_rrs', undefined, 0],
    ['probe_dns_authority_rrs', undefined, 0],
    ['probe_dns_additional_rrs', undefined, 0],
    ['probe_dns_query_succeeded', undefined, 0],
  ]);
});
