import type { OutgoingHttpHeaders } from 'node:http2';
import type { Socket } from 'node:net';
import type { Verdict } from '../domain/result.ts';
import { failure, SUCCESS } from '../domain/result.ts';
import type { Target } from '../domain/service.ts';
import type { Sample } from '../metrics/family.ts';
import { sample } from '../metrics/family.ts';
import { unaryCall, type CallEnd } from './grpc/call.ts';
import {
  certificateSamples,
  checkSamples,
  GRPC_FAMILIES,
  GRPC_SSL,
  grpcDurations,
  servingStatusName,
  unmeasuredGrpc,
} from './grpc/families.ts';
import { decodeStatus, encodeRequest, MalformedMessageError, unframe, type Wire } from './grpc/messages.ts';
import { grpcSettings, type GrpcSettings } from './grpc/settings.ts';
import { DEADLINE_EXCEEDED, INTERNAL, OK, reasonOf, statusName, UNAVAILABLE } from './grpc/status.ts';
import { open } from './net/dial.ts';
import { fail, ProbeFailure } from './net/failure.ts';
import { serverAddress, type Server } from './net/host-port.ts';
import { PhaseTimer, verdictOf } from './net/phases.ts';
import type { Outcome, Run, TargetParts, TargetProblem } from './prober.ts';
import { defineProber } from './prober.ts';

/**
 * Checks a server by gRPC's health protocol (`grpc.health.v1.Health/Check`), with blackbox_exporter's keys and
 * families. It uses Tocsin's own connections: so the address that was resolved is the one that is dialled, all of it
 * ends with the run, and certificates are reported even when they are refused.
 */
export const grpcProber = defineProber<GrpcSettings>({
  type: 'grpc',
  families: GRPC_FAMILIES,
  settings: grpcSettings,
  target: grpcTarget,
  unmeasured: unmeasuredGrpc,
  probe,
});

const EXPECTED = 'expected host:port, such as api.example:50051 or [2001:db8::1]:50051';
const PATH = '/grpc.health.v1.Health/Check';
const SERVING = 'SERVING';

/** A server; where the address is a URL to blackbox_exporter, its host and port. */
function serverOf(address: string): Server | TargetProblem {
  const bare = /^https?:\/\/([^/?#]*)(?:[/?#].*)?$/i.exec(address)?.[1];
  return serverAddress(bare ?? address, EXPECTED);
}

function grpcTarget(address: string): TargetParts | TargetProblem {
  const server = serverOf(address);
  return 'problem' in server ? server : { label: address.replace(/[?#].*$/, ''), host: server.host };
}

/** A check in progress. */
interface Check {
  readonly settings: GrpcSettings;
  readonly run: Run;
  readonly timer: PhaseTimer;
  /** The samples so far. */
  readonly samples: Sample[];
}

interface CheckEnd {
  readonly verdict: Verdict;
  readonly code: number;
  readonly serving?: string;
}

async function probe(target: Target, settings: GrpcSettings, run: Run): Promise<Outcome> {
  const server = serverOf(target.address);
  if ('problem' in server) throw new Error('a target that grpcTarget refuses cannot be probed');
  const check = { settings, run, timer: new PhaseTimer(run.monotonic), samples: [] };
  const end = await attempt(server, check);
  const phases = check.timer.stop();
  // no connection, no status; a fault of the agent says nothing about the server
  const checked = phases.connect !== undefined && end.verdict.status !== 'unknown';
  return {
    verdict: end.verdict,
    samples: [
      ...grpcDurations(phases),
      ...check.samples,
      ...(checked ? checkSamples(end.code, end.serving) : []),
    ],
    phases,
  };
}

async function attempt(server: Server, check: Check): Promise<CheckEnd> {
  const { run, timer } = check;
  try {
    let end = await checkHealth(server, check);
    if (end.refused === true) {
      run.log('request refused before it was processed; repeating it once');
      check.samples.length = 0;
      end = await checkHealth(server, check);
    }
    return judge(end, run, await check.settings.wire);
  } catch (error) {
    const code = run.signal.aborted ? DEADLINE_EXCEEDED : UNAVAILABLE;
    return { verdict: verdictOf(error, run, timer), code };
  }
}

async function checkHealth({ host, port }: Server, check: Check): Promise<CallEnd> {
  const { settings, run, timer, samples } = check;
  const { tls, ip } = settings;
  const to = { host, port: port ?? (tls === undefined ? 80 : 443) };
  let socket: Socket | undefined;
  try {
    socket = await open(run, timer, { ...to, ...ip });
    if (tls !== undefined) {
      timer.enter('tls');
      const handshake = await tls.handshake({ socket, host, signal: run.signal, alpn: ['h2'] });
      socket = handshake.socket;
      samples.push(...certificateSamples(handshake.samples));
      if (handshake.verdict.status !== 'success') throw new ProbeFailure(handshake.verdict);
      if (handshake.socket.alpnProtocol !== 'h2')
        throw fail('protocol', 'The server does not offer HTTP/2 (h2) in its TLS handshake');
    }
    samples.push(sample(GRPC_SSL, tls === undefined ? 0 : 1));
    timer.enter('processing');
    return await unaryCall({
      socket,
      secure: tls !== undefined,
      authority: authorityOf({ host, port }),
      path: PATH,
      metadata: headersOf(settings),
      request: encodeRequest(await settings.wire, settings.service),
      timeoutMs: run.timeoutMs,
      signal: run.signal,
    });
  } finally {
    socket?.destroy();
  }
}

function authorityOf({ host, port }: Server): string {
  const shown = host.includes(':') ? `[${host}]` : host;
  return port === undefined ? shown : `${shown}:${port}`;
}

function headersOf({ metadata }: GrpcSettings): OutgoingHttpHeaders {
  return Object.fromEntries(
    Object.entries(metadata).map(([name, values]) => [
      name,
      // several values of one name may be joined, and HTTP/2 allows some names only once
      values.map((value) => encodedValue(name, value.reveal())).join(','),
    ]),
  );
}

/** Values of `-bin` headers are bytes, and are sent in base64. */
function encodedValue(name: string, value: string): string {
  return name.endsWith('-bin') ? Buffer.from(value).toString('base64').replace(/=+$/, '') : value;
}

function judge(end: CallEnd, run: Run, wire: Wire): CheckEnd {
  const { code, message, body, spoken } = end;
  run.log('answered', { code: statusName(code), message });
  const because = message === '' ? '' : `: ${message}`;
  if (code !== OK) {
    const reason = spoken ? reasonOf(code) : 'protocol';
    return { verdict: failure(reason, `The check ended in ${statusName(code)}${because}`), code };
  }
  try {
    const answer = unframe(body);
    if (answer === undefined) throw new MalformedMessageError('it is empty');
    const serving = servingStatusName(decodeStatus(wire, answer));
    const verdict = serving === SERVING ? SUCCESS : failure('status', `The server reports ${serving}`);
    return { verdict, code, serving };
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error;
    return {
      verdict: failure('protocol', `The answer is not a HealthCheckResponse: ${error.message}`),
      code: INTERNAL,
    };
  }
}
