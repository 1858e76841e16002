import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { httpProber } from '../../src/probes/http.ts';
import { runProbe } from '../../src/probes/run.ts';
import { tcpProber } from '../../src/probes/tcp.ts';
import { tlsProber } from '../../src/probes/tls.ts';
import { CertificateMint } from '../support/probes/certificates.ts';
import { ManualClock } from '../support/manual-clock.ts';
import {
  hostsResolver,
  probeOf,
  refusals,
  run,
  targetOf,
  valueOf,
  verdictText,
} from '../support/probes/probe.ts';
import { ServerSet } from '../support/servers/server-set.ts';
import { listen } from '../support/servers/tcp.ts';

const servers = new ServerSet();
let mint: CertificateMint;

beforeAll(() => {
  mint = new CertificateMint();
});
afterAll(() => mint.remove());
afterEach(() => servers.close());

// Each is a defect of blackbox_exporter 0.28 that users have reported or that is evident from its code.
describe('a defect that Tocsin does not have', () => {
  it('binary protocols break because send always ends in a newline: send_bytes adds nothing', async () => {
    const received: Buffer[] = [];
    const server = await servers.tcp((socket) =>
      socket.on('data', (data) => {
        received.push(data);
        socket.write('S');
      }),
    );
    const steps = [{ send_bytes: '00 00 00 08 04 D2 16 2f' }, { expect_bytes: 'S' }];
    const result = await run(tcpProber, server.address, { settings: { query_response: steps } });
    expect(verdictText(result)).toBe('success');
    expect(Buffer.concat(received).toString('hex')).toBe('0000000804d2162f');
  });

  it('expect_bytes fails on a short segment: it waits for the rest', async () => {
    const server = await servers.tcp((socket) => {
      socket.write('a', () =>
        setImmediate(() => socket.write('b', () => setImmediate(() => socket.write('c')))),
      );
    });
    const result = await run(tcpProber, server.address, {
      settings: { query_response: [{ expect_bytes: 'abc' }] },
    });
    expect(verdictText(result)).toBe('success');
    expect(valueOf(result, 'probe_failed_due_to_bytes')).toBe(0);
  });

  it('expect loses the bytes that expect_bytes needs: both read one buffer', async () => {
    const server = await servers.tcp((socket) => socket.write('banner\nabcrest\n'));
    const steps = [{ expect: '^banner$' }, { expect_bytes: 'abc' }, { expect: '^rest$' }];
    const result = await run(tcpProber, server.address, { settings: { query_response: steps } });
    expect(verdictText(result)).toBe('success');
  });

  it('a bad regular expression fails the runs, not the configuration: it is refused when loaded', () => {
    expect(refusals(tcpProber, { query_response: [{ expect: '(' }] })).toHaveLength(1);
    expect(refusals(httpProber, { fail_if_body_matches_regexp: ['('] })).toHaveLength(1);
  });

  it('secrets that are sent leak into logs: neither log nor verdict contains what was sent', async () => {
    const server = await servers.tcp((socket) => socket.once('data', () => socket.end('no\n')));
    const steps = [{ send: 'AUTH hunter2' }, { expect: '^OK' }];
    const result = await run(tcpProber, server.address, { settings: { query_response: steps } });
    expect(verdictText(result)).toBe('reply: Step 2: no line of the answer matches "^OK"');
    expect(JSON.stringify([result.log, result.verdict, result.details])).not.toContain('hunter2');
  });

  it('phases are 0 on failure, which distorts averages: phases that were not reached are absent', async () => {
    const result = await run(httpProber, 'http://127.0.0.1:1');
    const phases = result.samples.filter(({ family }) => family.name === 'probe_http_duration_seconds');
    expect(phases.map(({ labels }) => labels['phase'])).toEqual(['resolve', 'connect']);
    expect(valueOf(result, 'probe_http_status_code')).toBeUndefined();
  });

  it('a TLS handshake may take at most 10 s: only the timeout limits it', async () => {
    const clock = new ManualClock();
    let begin = (): void => undefined;
    let arrived = (): void => undefined;
    const connected = new Promise<void>((resolve) => (arrived = resolve));
    const plain = createTlsServer({
      ...mint.leaf(),
      SNICallback: (_name, give) => {
        begin = () => give(null);
        arrived();
      },
    });
    plain.on('secureConnection', (socket: TLSSocket) => socket.on('error', () => undefined));
    const server = servers.add(await listen(plain));
    const running = runProbe({
      probe: probeOf(tlsProber, { preferred_ip_protocol: 'ip4', tls_config: { ca_file: mint.caFile } }),
      target: targetOf(tlsProber, `localhost:${server.port}`),
      timeoutMs: 30_000,
      clock,
      resolver: hostsResolver(),
    });
    await connected;
    await clock.advance(20_000);
    begin();
    const result = await running;
    expect(verdictText(result)).toBe('success');
    expect(result.phases.tls).toBeGreaterThanOrEqual(20);
  });

  it('a refused certificate exposes nothing: its expiry is exposed with the reason', async () => {
    const plain = createTlsServer(mint.expired());
    const server = servers.add(await listen(plain));
    const result = await run(tcpProber, `localhost:${server.port}`, {
      settings: { preferred_ip_protocol: 'ip4', tls: true, tls_config: { ca_file: mint.caFile } },
    });
    expect(result.verdict).toMatchObject({ reason: 'tls_expired' });
    expect(valueOf(result, 'probe_ssl_earliest_cert_expiry')).toBe(Date.UTC(2021, 0) / 1_000);
  });

  it('a tcp run does not expose its phases: all are exposed', async () => {
    const server = await servers.tcp((socket) => socket.write('hi\n'));
    const result = await run(tcpProber, server.address, { settings: { query_response: [{ expect: 'hi' }] } });
    for (const phase of ['resolve', 'connect', 'processing'])
      expect(valueOf(result, 'tocsin_probe_phase_duration_seconds', { phase })).toBeGreaterThanOrEqual(0);
  });
});
