import { Server, ServerCredentials, status, type ServiceDefinition } from '@grpc/grpc-js';
import { createServer, type OutgoingHttpHeaders, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { CertificateMint } from '../probes/certificates.ts';
import type { Pair, PairServer } from './differential.ts';
import { closedPort } from '../servers/tcp.ts';

type Settings = Readonly<Record<string, unknown>>;

/** The serving status of each service; others are not found. @see https://grpc.io/docs/guides/health-checking/ */
const SERVICES: Readonly<Record<string, number>> = { '': 1, up: 1, down: 2, odd: 0 };

const bytes = (value: Buffer): Buffer => value;
const HEALTH: ServiceDefinition = {
  check: {
    path: '/grpc.health.v1.Health/Check',
    requestStream: false,
    responseStream: false,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  },
};

async function startGrpc(credentials: ServerCredentials, health: boolean): Promise<PairServer> {
  const server = new Server();
  if (health) {
    server.addService(HEALTH, {
      check: (call: { request: Buffer }, answer: (error: object | null, value?: Buffer) => void) => {
        // field 1, a string
        const serving = SERVICES[call.request.subarray(2).toString()];
        if (serving === undefined) answer({ code: status.NOT_FOUND, details: 'unknown service' });
        else answer(null, Buffer.from([0x08, serving]));
      },
    });
  }
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { target: `localhost:${port}`, stop: () => server.forceShutdown() };
}

const SERVING = '0801';
/** Messages of an answer besides the usual ones, in hexadecimal. */
const MESSAGES: readonly (readonly [what: string, hex: string])[] = [
  ['without fields', ''],
  ['with two states, of which the last counts', '08020801'],
  ['with a negative state', '08ffffffffffffffffff01'],
  ['with fields of later versions', `12036162631d000000002100000000000000002864${SERVING}`],
  ['with a group', `1b100a1c${SERVING}`],
  ['with the state as text', '0a0131'],
  ['that ends in a number', '0880'],
  ['that ends in a text', `${SERVING}12056162`],
  ['that ends in a group', `${SERVING}1b100a`],
  ['with the end of a group that did not begin', `${SERVING}1c`],
  ['with a field number of 0', `${SERVING}0001`],
  ['with an unknown wire type', `${SERVING}0f`],
  ['with a number of eleven bytes', '08ffffffffffffffffffff01'],
];

/** Answers with this message, SERVING by default, and these headers. */
async function startBare(headers: OutgoingHttpHeaders, hex = SERVING): Promise<PairServer> {
  const message = Buffer.from(hex, 'hex');
  const plain = createServer();
  const sessions = new Set<ServerHttp2Session>();
  plain.on('session', (session) => sessions.add(session));
  plain.on('stream', (stream) => {
    stream.on('error', () => undefined);
    stream.respond({ ':status': 200, ...headers }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]));
  });
  await new Promise<void>((resolve) => {
    plain.listen(0, '127.0.0.1', resolve);
  });
  const stop = (): void => {
    for (const session of sessions) session.destroy();
    plain.close();
  };
  return { target: `127.0.0.1:${(plain.address() as AddressInfo).port}`, stop };
}

function grpc(name: string, settings: Settings, start?: () => Promise<PairServer>): Pair {
  return {
    name: `grpc: ${name}`,
    module: {
      prober: 'grpc',
      timeout: '10s',
      grpc: { preferred_ip_protocol: 'ip4', ip_protocol_fallback: true, ...settings },
    },
    start: start ?? (() => startGrpc(ServerCredentials.createInsecure(), true)),
  };
}

/** Pairs over gRPC's health protocol, with certificates of the test. */
export function callPairs(mint: CertificateMint): readonly Pair[] {
  const good = mint.leaf();
  const secure = () =>
    startGrpc(
      ServerCredentials.createSsl(null, [
        { cert_chain: Buffer.from(good.cert), private_key: Buffer.from(good.key) },
      ]),
      true,
    );
  const ca = { tls: true, tls_config: { ca_file: mint.caFile } };
  return [
    grpc('the server as a whole', {}),
    grpc('a service that serves', { service: 'up' }),
    grpc('a service that does not', { service: 'down' }),
    grpc('a service whose state is not known', { service: 'odd' }),
    grpc('a service that is not there', { service: 'none' }),
    grpc('metadata', { metadata: { 'x-a': ['b'] } }),
    grpc('a server without the health protocol', {}, () =>
      startGrpc(ServerCredentials.createInsecure(), false),
    ),
    grpc('an answer without a content type', {}, () => startBare({})),
    grpc('an answer of another content type', {}, () =>
      startBare({ 'content-type': 'application/grpc-web' }),
    ),
    grpc('an answer of a content type with a format', {}, () =>
      startBare({ 'content-type': 'application/grpc+proto' }),
    ),
    ...MESSAGES.map(([what, hex]) =>
      grpc(`an answer ${what}`, {}, () => startBare({ 'content-type': 'application/grpc' }, hex)),
    ),
    grpc('a closed port', {}, async () => ({
      target: `127.0.0.1:${await closedPort()}`,
      stop: () => undefined,
    })),
    grpc('TLS', ca, secure),
    grpc('TLS and a service that does not serve', { ...ca, service: 'down' }, secure),
    grpc('TLS to a server without it', ca),
    grpc('no TLS to a server with it', {}, secure),
  ];
}
