import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { CertificateMint } from '../support/probes/certificates.ts';
import { ServerSet } from '../support/servers/server-set.ts';
import { runTocsin, temporaryFolder } from '../support/processes/tocsin.ts';

const folder = temporaryFolder();
const servers = new ServerSet();
const mint = new CertificateMint();
afterEach(() => servers.close());
afterAll(async () => {
  mint.remove();
  await folder[Symbol.asyncDispose]();
});

const probe = (...args: string[]) => runTocsin(['probe', ...args], { cwd: folder.path });

function writeModules(modules: object): void {
  writeFileSync(join(folder.path, 'blackbox.yml'), JSON.stringify({ modules }));
  writeFileSync(join(folder.path, 'tocsin.yml'), 'probe_endpoint: { modules_file: blackbox.yml }\n');
}

describe('tocsin probe', () => {
  it('prints phases, log, metrics and the verdict, and exits with 0', async () => {
    const server = await servers.http((_request, response) => response.end('hello'));
    const { code, stdout, stderr } = await probe(server.url);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^http:\/\/127\.0\.0\.1:\d+ {2}\(module http_2xx, prober http\)\n/);
    expect(stdout).toMatch(/\nPhases\n {2}resolve +\d+\.\d ms │[█ ]{40}│\n {2}connect /);
    expect(stdout).toMatch(/\nLog\n +\d+\.\d ms {2}resolved host=127\.0\.0\.1/);
    expect(stdout).toContain('\n  probe_http_status_code 200\n');
    expect(stdout.endsWith('\nsuccess\n')).toBe(true);
  });

  it('exits with 1 for a failure, and prints the reason', async () => {
    const server = await servers.http((_request, response) => response.writeHead(503).end());
    const { code, stdout } = await probe(server.url);
    expect([code, stdout.split('\n').at(-2)]).toEqual([1, 'failure: status: HTTP status 503, expected 2xx']);
  });

  it('prints the whole chain, even of a refused certificate', async () => {
    const expired = mint.leaf({ issuer: 'intermediate', from: '20200101000000Z', to: '20210101000000Z' });
    const server = await servers.https({ cert: expired.cert, key: expired.key }, (_request, response) =>
      response.end(),
    );
    writeModules({ http_2xx: { prober: 'http', http: { tls_config: { ca_file: mint.caFile } } } });
    const { code, stdout } = await probe(server.url);
    expect([code, stdout.split('\n').at(-2)]).toEqual([
      1,
      'failure: tls_expired: The certificate expired at 2021-01-01T00:00:00Z',
    ]);
    expect(stdout).toContain('\nCertificates\n  0  CN=localhost\n     issued by CN=Test Intermediate\n');
    expect(stdout).toContain('valid from 2020-01-01T00:00:00Z to 2021-01-01T00:00:00Z');
    expect(stdout).toContain('\n  1  CN=Test Intermediate\n');
  });

  it.each([[[]], [['--json']]])(
    'prints the output of a target without its escape sequences (%j)',
    async (args) => {
      const hostile = '\u001b[2J\u001b]0;owned\u0007 \u202e';
      const server = await servers.tcp((socket) => socket.end(`${hostile}\n`));
      writeModules({
        port: {
          prober: 'tcp',
          tcp: { query_response: [{ expect: '^(.*)$', labels: [{ name: 'said', value: '${1}' }] }] },
        },
      });
      const { stdout, stderr } = await probe(server.address, '--module', 'port', ...args);
      expect(stdout).toContain('\\u001b[2J');
      expect(`${stdout}${stderr}`.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    },
  );

  it('prints one object with --json', async () => {
    const server = await servers.tcp();
    writeModules({ port: { prober: 'tcp' } });
    const { code, stdout } = await probe(server.address, '--module', 'port', '--json');
    expect(code).toBe(0);
    const report = JSON.parse(stdout) as Record<string, unknown>;
    expect(report).toMatchObject({
      target: server.address,
      module: 'port',
      prober: 'tcp',
      status: 'success',
      certificates: [],
      phases: { connect: expect.any(Number) },
    });
    expect(report['metrics']).toContainEqual({ name: 'probe_success', labels: {}, value: 1 });
    expect(report['log']).toContainEqual(expect.objectContaining({ message: 'connected' }));
  });

  const wrong: readonly (readonly [readonly string[], RegExp])[] = [
    [[], /probe needs one target/],
    [['a.test', 'b.test'], /got 2/],
    [['a.test', '--module', 'x'], /unknown module "x"; expected one of port/],
    [['a.test', '--modul', 'x'], /Unknown option '--modul'/],
    [
      ['127.0.0.1', '--module', 'port'],
      /the module "port" cannot probe this target: "127\.0\.0\.1" has no port/,
    ],
  ];
  it.each(wrong)('exits with 2 for %j', async (args, expected) => {
    writeModules({ port: { prober: 'tcp' } });
    const { code, stdout, stderr } = await probe(...args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(expected);
  });

  it('exits with 2 for an invalid modules file, with the line', async () => {
    writeModules({ port: { prober: 'tcp', tpc: {} } });
    const { code, stderr } = await probe('a.test');
    expect(code).toBe(2);
    expect(stderr).toMatch(/blackbox\.yml:1: modules\.port\.tpc: unknown key "tpc"; did you mean "tcp"\?/);
  });
});
