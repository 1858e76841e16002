import type { Socket } from 'node:net';
import type { Verdict } from '../domain/result.ts';
import { failure, SUCCESS } from '../domain/result.ts';
import type { Target } from '../domain/service.ts';
import { orAborted } from '../domain/cancellation.ts';
import type { Sample } from '../metrics/family.ts';
import { sample } from '../metrics/family.ts';
import { expand, firstMatch } from './dialogue/expand.ts';
import { proxyFor } from './http/proxy/proxy.ts';
import { connectViaProxy } from './http/proxy/proxy-connection.ts';
import { shownUrl } from './http/target.ts';
import { USER_AGENT } from './http/headers/user-agent.ts';
import { cipherSample } from './net/tls/certificates.ts';
import { connectTo, resolve } from './net/dial.ts';
import { ProbeFailure } from './net/failure.ts';
import { PhaseTimer, verdictOf } from './net/phases.ts';
import { parseWebUrl, portOf, requestTarget, type WebUrl } from './net/web-url.ts';
import type { Outcome, Run, TargetParts, TargetProblem } from './prober.ts';
import { defineProber } from './prober.ts';
import {
  STATUS_CODE,
  unmeasuredWebsocket,
  UPGRADED,
  WEBSOCKET_FAILED_DUE_TO_REGEX,
  WEBSOCKET_FAMILIES,
  websocketDurations,
} from './websocket/families.ts';
import { MessageStream } from './websocket/frames.ts';
import { performHandshake } from './websocket/handshake.ts';
import { websocketSettings, type MessageStep, type WebsocketSettings } from './websocket/settings.ts';

/**
 * Switches a connection to WebSocket, and exchanges messages over it; with the keys and families of blackbox_exporter's
 * main branch.
 * @see https://www.rfc-editor.org/rfc/rfc6455
 */
export const websocketProber = defineProber<WebsocketSettings>({
  type: 'websocket',
  families: WEBSOCKET_FAMILIES,
  settings: websocketSettings,
  target: websocketTarget,
  unmeasured: (_settings, measured) => unmeasuredWebsocket(measured),
  probe,
});

const EXPECTED = 'expected a URL such as wss://example.com/socket';

/** The URL of the HTTP request for an address: `wss` is `https`. */
function requestUrl(address: string): WebUrl | undefined {
  const [, secure, rest] = /^ws(s?):(\/\/.*)$/i.exec(address) ?? [];
  if (secure === undefined || rest === undefined) return undefined;
  const url = parseWebUrl(`http${secure}:${rest}`);
  return 'problem' in url ? undefined : url;
}

function websocketTarget(address: string): TargetParts | TargetProblem {
  const url = requestUrl(address);
  if (url === undefined) return { problem: `the address is not a WebSocket URL; ${EXPECTED}` };
  if (url.user !== undefined)
    return { problem: 'the address contains credentials; give them as http_config.basic_auth' };
  return { label: shownUrl(url).replace(/^http/, 'ws'), host: url.host };
}

/** A run in progress, and what it has reached. */
interface Conversation {
  readonly url: WebUrl;
  readonly settings: WebsocketSettings;
  readonly run: Run;
  readonly timer: PhaseTimer;
  readonly samples: Sample[];
}

async function probe(target: Target, settings: WebsocketSettings, run: Run): Promise<Outcome> {
  const url = requestUrl(target.address);
  if (url === undefined) throw new Error('a target that websocketTarget refuses cannot be probed');
  const conversation = { url, settings, run, timer: new PhaseTimer(run.monotonic), samples: [] };
  const { samples, timer } = conversation;
  let verdict: Verdict;
  try {
    verdict = await runConversation(conversation);
  } catch (error) {
    verdict = verdictOf(error, run, timer);
  }
  const phases = timer.stop();
  return { verdict, samples: [...websocketDurations(phases), ...samples], phases };
}

async function runConversation(conversation: Conversation): Promise<Verdict> {
  const { url, settings, run, timer, samples } = conversation;
  const { plain, socket: connected } = await connect(conversation);
  try {
    const socket = url.scheme === 'https' ? await secure(connected, conversation) : connected;
    const authorization = (await settings.tokens?.authorization(run, settings.ip)) ?? settings.authorization;
    timer.enter('processing');
    run.log('request', { url: shownUrl(url) });
    const path = requestTarget(url);
    const headers = requestHeaders(conversation, authorization?.reveal());
    const answer = await orAborted(performHandshake({ socket, path, headers }), run.signal);
    run.log('answer', { status: answer.status });
    if (answer.status === 401) settings.tokens?.forget();
    samples.push(sample(STATUS_CODE, answer.status), sample(UPGRADED, answer.refusal === undefined ? 1 : 0));
    if (answer.refusal !== undefined)
      return failure(answer.status === 101 ? 'protocol' : 'status', answer.refusal);
    const messages = new MessageStream(socket);
    const verdict = await exchange(messages, conversation);
    if (verdict.status === 'success') messages.close();
    return verdict;
  } finally {
    if (!plain.writableEnded) plain.destroySoon();
  }
}

/** Runs the steps; like blackbox_exporter, reports any failure in them as one of the regular expression. */
async function exchange(messages: MessageStream, conversation: Conversation): Promise<Verdict> {
  const { settings, run, timer, samples } = conversation;
  const { steps } = settings;
  if (steps.length > 0) timer.enter('transfer');
  let done = false;
  try {
    for (const [index, step] of steps.entries()) {
      const verdict = await orAborted(runStep(messages, step, index + 1), run.signal);
      if (verdict.status !== 'success') return verdict;
    }
    done = true;
    return SUCCESS;
  } finally {
    samples.push(sample(WEBSOCKET_FAILED_DUE_TO_REGEX, done ? 0 : 1));
  }
}

async function runStep(
  messages: MessageStream,
  { expect, send }: MessageStep,
  number: number,
): Promise<Verdict> {
  let answer = send;
  if (expect !== undefined) {
    const match = firstMatch(expect, (await messages.message()).toString());
    if (match === undefined)
      return failure('reply', `Step ${number}: the message does not match "${expect.pattern()}"`);
    if (typeof send === 'string') answer = expand(send, match);
  }
  if (answer.length > 0) await messages.send(Buffer.from(answer));
  return SUCCESS;
}

/** The headers may include `Host`; others may occur more than once. */
function requestHeaders({ url, settings }: Conversation, authorization: string | undefined): string[] {
  const given = settings.headers.map(({ name, value }) => [
    name,
    typeof value === 'string' ? value : value.reveal(),
  ]);
  const has = (wanted: string): boolean => settings.headers.some(({ name }) => name.toLowerCase() === wanted);
  return [
    ...(has('host') ? [] : ['Host', url.authority]),
    ...(has('user-agent') ? [] : ['User-Agent', USER_AGENT]),
    ...given.flat(),
    ...(authorization === undefined ? [] : ['Authorization', authorization]),
  ];
}

async function connect({
  url,
  settings,
  run,
  timer,
}: Conversation): Promise<Record<'plain' | 'socket', Socket>> {
  const { ip, proxy: rules, tls } = settings;
  const endpoint = { host: url.host, port: portOf(url), ...ip };
  timer.enter('resolve');
  const address = await resolve(run, endpoint);
  timer.enter('connect');
  const proxy = rules === undefined ? undefined : proxyFor(rules, url, address.address);
  if (proxy !== undefined && rules !== undefined) {
    const { connectHeaders } = rules;
    const way = { proxy, host: address.address, port: endpoint.port, tunnel: true, connectHeaders, tls, ip };
    return connectViaProxy(run, way);
  }
  const socket = await connectTo(run, endpoint, address);
  return { plain: socket, socket };
}

/** Starts TLS; a rejected certificate ends the run before anything is sent. */
async function secure(socket: Socket, { url, settings, run, timer, samples }: Conversation): Promise<Socket> {
  timer.enter('tls');
  const handshake = await settings.tls.handshake({
    ...{ socket, host: url.host, signal: run.signal, alpn: ['http/1.1'], onChain: run.onChain },
  });
  samples.push(...handshake.samples, cipherSample(handshake.socket));
  if (handshake.verdict.status !== 'success') throw new ProbeFailure(handshake.verdict);
  return handshake.socket;
}
