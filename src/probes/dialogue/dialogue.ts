import type { Socket } from 'node:net';
import type { Verdict } from '../../domain/result.ts';
import { failure, SUCCESS } from '../../domain/result.ts';
import { orAborted } from '../../domain/cancellation.ts';
import type { Sample } from '../../metrics/family.ts';
import { sample } from '../../metrics/family.ts';
import { FAILED_DUE_TO_REGEX } from '../families.ts';
import { cipherSample } from '../net/tls/certificates.ts';
import { fail, ProbeFailure } from '../net/failure.ts';
import { verdictOf, type PhaseTimer } from '../net/phases.ts';
import { brokenConnection } from '../net/socket-errors.ts';
import type { TlsClient } from '../net/tls/client.ts';
import { hasControls } from '../net/wire-text.ts';
import type { Run } from '../prober.ts';
import { expand, firstMatch } from './expand.ts';
import { EXPECT_INFO, FAILED_DUE_TO_BYTES } from './families.ts';
import { SocketReader } from './reader.ts';
import type { DialogueStep } from './settings.ts';

export interface DialogueOptions {
  /** Connected; the dialogue destroys it. */
  readonly socket: Socket;
  /** The host for TLS. */
  readonly host: string;
  readonly steps: readonly DialogueStep[];
  readonly run: Run;
  readonly timer: PhaseTimer;
  /** The TLS client, for TLS from the start or from a step with `starttls` on. */
  readonly tls: TlsClient;
  readonly tlsAtOnce: boolean;
}

export interface DialogueResult {
  readonly verdict: Verdict;
  readonly samples: readonly Sample[];
}

/** Starts TLS where it is configured, and runs the steps of a `query_response`; rejects only on bugs. */
export async function runDialogue(options: DialogueOptions): Promise<DialogueResult> {
  const dialogue = new Dialogue(options);
  let verdict: Verdict | undefined;
  try {
    verdict = await dialogue.run();
  } catch (error) {
    verdict = verdictOf(error, options.run, options.timer);
  } finally {
    dialogue.close(verdict?.status === 'success');
  }
  return { verdict, samples: dialogue.samples() };
}

class Dialogue {
  readonly #options: DialogueOptions;
  readonly #samples: Sample[] = [];
  #socket: Socket;
  #reader: SocketReader | undefined;
  /** Undefined until the connection is established, including TLS where it starts at once. */
  #failedDueTo: 'nothing' | 'regex' | 'bytes' | undefined;

  constructor(options: DialogueOptions) {
    this.#options = options;
    this.#socket = options.socket;
  }

  samples(): readonly Sample[] {
    if (this.#failedDueTo === undefined) return this.#samples;
    return [
      ...this.#samples,
      sample(FAILED_DUE_TO_REGEX, this.#failedDueTo === 'regex' ? 1 : 0),
      sample(FAILED_DUE_TO_BYTES, this.#failedDueTo === 'bytes' ? 1 : 0),
    ];
  }

  async run(): Promise<Verdict> {
    const { steps, tlsAtOnce, timer } = this.#options;
    if (tlsAtOnce) await this.#secure();
    this.#failedDueTo = 'nothing';
    if (steps.length > 0) timer.enter('processing');
    for (const [i, step] of steps.entries()) {
      const complaint = await this.#step(step, i + 1);
      if (complaint !== undefined) return complaint;
    }
    return SUCCESS;
  }

  /** Ends TLS properly after a complete dialogue; otherwise the connection is just cut. */
  close(inPeace: boolean): void {
    this.#reader?.release();
    if (inPeace && this.#socket !== this.#options.socket) this.#socket.destroySoon();
    else this.#options.socket.destroy();
  }

  async #step(step: DialogueStep, number: number): Promise<Verdict | undefined> {
    const { run } = this.#options;
    let { send } = step;
    if (step.expect !== undefined) {
      const match = await this.#expected(step.expect);
      if (match === undefined) {
        this.#failedDueTo = 'regex';
        return failure('reply', `Step ${number}: no line of the answer matches "${step.expect.pattern()}"`);
      }
      run.log('matched', { step: number });
      if (typeof send === 'string') send = expand(send, match, (value) => requirePlain(value, number));
      if (step.labels.length > 0) {
        const labels = step.labels.map(([name, template]) => [name, expand(template, match)] as const);
        this.#addInfo(Object.fromEntries(labels));
      }
    }
    if (step.expectBytes !== undefined) {
      const complaint = await this.#expectBytes(step.expectBytes, number);
      if (complaint !== undefined) return complaint;
    }
    if (send !== undefined && send.length > 0)
      await this.#send(Buffer.concat([Buffer.from(send), Buffer.from('\n')]), number);
    if (step.sendBytes !== undefined) await this.#send(step.sendBytes, number);
    if (step.starttls) {
      await this.#secure();
      this.#options.timer.enter('processing');
    }
    return undefined;
  }

  /** The first received line that matches. */
  async #expected(expression: NonNullable<DialogueStep['expect']>) {
    for (;;) {
      const line = await orAborted(this.#input().line(), this.#options.run.signal);
      if (line === undefined) return undefined;
      const match = firstMatch(expression, line);
      if (match !== undefined) return match;
    }
  }

  async #expectBytes(expected: Buffer, number: number): Promise<Verdict | undefined> {
    const given = await orAborted(this.#input().bytes(expected.length), this.#options.run.signal);
    if (given.equals(expected)) return undefined;
    if (given.length < expected.length) {
      const counts = `${given.length} of ${expected.length} expected bytes`;
      return failure('protocol', `Step ${number}: the connection was closed after ${counts}`);
    }
    this.#failedDueTo = 'bytes';
    return failure('reply', `Step ${number}: the answer differs from the expected bytes`);
  }

  async #send(bytes: Buffer, number: number): Promise<void> {
    this.#options.run.log('sent', { step: number, bytes: bytes.length });
    const sent = new Promise<void>((resolve, reject) => {
      this.#socket.write(bytes, (error) => {
        if (error) reject(brokenConnection(error, 'while sending'));
        else resolve();
      });
    });
    await orAborted(sent, this.#options.run.signal);
  }

  #input(): SocketReader {
    this.#reader ??= new SocketReader(this.#socket);
    return this.#reader;
  }

  #addInfo(labels: Readonly<Record<string, string>>): void {
    const key = JSON.stringify(labels);
    const known = this.#samples.some(
      (one) => one.family.name === EXPECT_INFO.name && JSON.stringify(one.labels) === key,
    );
    if (known) return;
    this.#samples.push(sample({ ...EXPECT_INFO, labels: Object.keys(labels) }, 1, labels));
  }

  async #secure(): Promise<void> {
    const { tls, host, run, timer } = this.#options;
    this.#reader?.release();
    this.#reader = undefined;
    timer.enter('tls');
    const handshake = await tls.handshake({
      socket: this.#socket,
      host,
      signal: run.signal,
      onChain: run.onChain,
    });
    this.#socket = handshake.socket;
    this.#samples.push(...handshake.samples, cipherSample(handshake.socket));
    run.log('TLS established', { version: handshake.socket.getProtocol() });
    if (handshake.verdict.status !== 'success') throw new ProbeFailure(handshake.verdict);
  }
}

/** Text from a server may be part of a line that is sent, but must not end it and begin another. */
function requirePlain(value: string, number: number): void {
  if (hasControls(value.replaceAll('\t', ' ')))
    throw fail(
      'reply',
      `Step ${number}: the text of the answer for "send" has control characters; it was not sent`,
    );
}
