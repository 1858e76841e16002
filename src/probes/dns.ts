import { randomInt } from 'node:crypto';
import type { Socket } from 'node:net';
import { SUCCESS } from '../domain/result.ts';
import type { Target } from '../domain/service.ts';
import type { Sample } from '../metrics/family.ts';
import { sample } from '../metrics/family.ts';
import { nameLabels } from './dns/escapes.ts';
import { askOverStream, askOverUdp } from './dns/exchange.ts';
import {
  ADDITIONAL_RRS,
  ANSWER_RRS,
  AUTHORITY_RRS,
  DNS_FAMILIES,
  durationSamples,
  QUERY_SUCCEEDED,
  SERIAL,
  unmeasuredDns,
} from './dns/families.ts';
import { judgeAnswer, type RecordTexts } from './dns/judge.ts';
import { decodeAnswer, encodeQuery, soaSerial, type Answer, type ResourceRecord } from './dns/message.ts';
import { rcodeText, typeNumber, typeText } from './dns/names.ts';
import { MalformedMessageError } from './dns/reader.ts';
import { recordText } from './dns/record-text.ts';
import { dnsSettings, type DnsSettings } from './dns/settings.ts';
import { dnsTarget, dnsTargetParts, type DnsTarget } from './dns/target.ts';
import { open, requireSameFamily, resolve } from './net/dial.ts';
import { fail, ProbeFailure } from './net/failure.ts';
import { PhaseTimer, verdictOf } from './net/phases.ts';
import type { Outcome, Run } from './prober.ts';
import { defineProber } from './prober.ts';

/** Asks a name server one question, with blackbox_exporter's keys and families; over UDP, TCP or TLS (RFC 7858). */
export const dnsProber = defineProber<DnsSettings>({
  type: 'dns',
  families: DNS_FAMILIES,
  settings: dnsSettings,
  target: dnsTargetParts,
  missing: missingName,
  unmeasured: ({ queryType }, measured) => unmeasuredDns(queryType === SOA, measured),
  probe,
});

const SOA = typeNumber('SOA');
const MISSING = 'query_name is missing: set the name to query';

function missingName({ queryName }: DnsSettings, address?: string): string | undefined {
  if (queryName !== undefined) return undefined;
  if (address === undefined) return MISSING;
  const target = dnsTarget(address);
  if ('problem' in target || target.name !== undefined) return undefined;
  return `${MISSING}, here or in the target: dns://server/name?type=AAAA`;
}

/** One question to one server, and its progress. */
interface DnsQuery {
  readonly target: DnsTarget;
  readonly settings: DnsSettings;
  readonly run: Run;
  readonly timer: PhaseTimer;
  readonly query: Buffer;
  readonly type: number;
}

async function probe(to: Target, settings: DnsSettings, run: Run): Promise<Outcome> {
  const target = dnsTarget(to.address);
  if ('problem' in target) throw new Error('a target that dnsTarget refuses cannot be probed');
  const timer = new PhaseTimer(run.monotonic);
  const samples: Sample[] = [];
  const end = (verdict: Outcome['verdict']): Outcome => {
    const phases = timer.stop();
    return { verdict, samples: [...durationSamples(phases), ...samples], phases };
  };
  try {
    const inquiry = prepareQuery(target, { settings, run, timer });
    const message = await sendQuery(inquiry);
    timer.stop();
    const { answer, texts } = read(message);
    logAnswer(run, answer, texts);
    samples.push(...answerSamples(answer, inquiry.type));
    judgeAnswer(answer, texts, settings);
    return end(SUCCESS);
  } catch (error) {
    return end(verdictOf(error, run, timer));
  }
}

type QueryContext = Pick<DnsQuery, 'settings' | 'run' | 'timer'>;

function prepareQuery(target: DnsTarget, surroundings: QueryContext): DnsQuery {
  const { settings, run } = surroundings;
  const name = target.name ?? settings.queryName;
  const labels = name === undefined ? undefined : nameLabels(name);
  if (labels === undefined) throw fail('config', MISSING);
  const type = target.type ?? settings.queryType;
  const question = { labels, type, class: target.class ?? settings.queryClass };
  run.log('asking', { name, type: typeText(type), transport: settings.transport });
  const query = encodeQuery(randomInt(0x1_0000), question, settings.recursionDesired);
  return { ...surroundings, target, query, type };
}

function sendQuery(inquiry: DnsQuery): Promise<Buffer> {
  const { settings, target } = inquiry;
  const port = target.port ?? (settings.tls === undefined ? 53 : 853);
  return settings.transport === 'udp' ? sendOverUdp(inquiry, port) : sendOverTcp(inquiry, port);
}

async function sendOverUdp({ target, settings, run, timer, query }: DnsQuery, port: number): Promise<Buffer> {
  const { host } = target;
  timer.enter('resolve');
  const found = await resolve(run, { host, port, ...settings.ip });
  timer.enter('connect');
  requireSameFamily(settings.sourceAddress, found);
  return askOverUdp({
    to: { host, address: found.address, port, localAddress: settings.sourceAddress },
    family: found.family,
    query,
    signal: run.signal,
    sent: () => timer.enter('processing'),
    ignored: () => run.log('ignored a message that does not answer the query'),
  });
}

async function sendOverTcp({ target, settings, run, timer, query }: DnsQuery, port: number): Promise<Buffer> {
  const { host } = target;
  let socket: Socket | undefined;
  try {
    socket = await open(run, timer, { host, port, ...settings.ip, localAddress: settings.sourceAddress });
    if (settings.tls !== undefined) {
      timer.enter('tls');
      const handshake = await settings.tls.handshake({
        socket,
        host,
        signal: run.signal,
        onChain: run.onChain,
      });
      socket = handshake.socket;
      if (handshake.verdict.status !== 'success') throw new ProbeFailure(handshake.verdict);
    }
    timer.enter('processing');
    return await askOverStream(socket, query);
  } finally {
    socket?.destroy();
  }
}

interface ReadAnswer {
  readonly answer: Answer;
  readonly texts: RecordTexts;
}

/** @throws ProbeFailure when any part of the message is malformed, as in blackbox_exporter */
function read(message: Buffer): ReadAnswer {
  try {
    const answer = decodeAnswer(message);
    const texts = (records: readonly ResourceRecord[]): readonly string[] => records.map(recordText);
    return {
      answer,
      texts: {
        answers: texts(answer.answers),
        authorities: texts(answer.authorities),
        additionals: texts(answer.additionals),
      },
    };
  } catch (error) {
    if (error instanceof MalformedMessageError)
      throw fail('protocol', `The answer is malformed: ${error.message}`);
    throw error;
  }
}

/** The log of a run is bounded, and must have room for the verdict. */
const MAX_LOGGED = 20;

function logAnswer(run: Run, { rcode, truncated }: Answer, texts: RecordTexts): void {
  run.log('answered', { rcode: rcodeText(rcode), truncated });
  const { answers, authorities, additionals } = texts;
  for (const record of [...answers, ...authorities, ...additionals].slice(0, MAX_LOGGED))
    run.log('record', { record });
}

function answerSamples(answer: Answer, type: number): readonly Sample[] {
  const soa = type === SOA ? answer.answers.findLast((record) => record.type === SOA) : undefined;
  return [
    sample(ANSWER_RRS, answer.answers.length),
    sample(AUTHORITY_RRS, answer.authorities.length),
    sample(ADDITIONAL_RRS, answer.additionals.length),
    sample(QUERY_SUCCEEDED, 1),
    ...(soa === undefined ? [] : [sample(SERIAL, soaSerial(soa))]),
  ];
}
