import type { Socket } from 'node:net';
import { z } from 'zod';
import type { Target } from '../domain/service.ts';
import { runDialogue } from './dialogue/dialogue.ts';
import { DIALOGUE_FAMILIES } from './dialogue/families.ts';
import { dialogueKeys, type DialogueStep } from './dialogue/settings.ts';
import { dialUnix } from './net/dial.ts';
import { PhaseTimer, verdictOf } from './net/phases.ts';
import { defaultTls } from './net/tls/settings.ts';
import type { TlsClient } from './net/tls/client.ts';
import type { Outcome, Run, TargetParts, TargetProblem } from './prober.ts';
import { defineProber } from './prober.ts';
import type { ConfigFiles } from '../settings/values.ts';

interface UnixSettings {
  readonly steps: readonly DialogueStep[];
  readonly tls: TlsClient;
  readonly tlsAtOnce: boolean;
}

/**
 * The longest path of a socket on Linux, without its final zero byte.
 * @see unix(7)
 */
const MAX_PATH_BYTES = 107;

/** Connects to a UNIX domain socket, then works as the `tcp` prober, with blackbox_exporter's keys and families. */
export const unixProber = defineProber<UnixSettings>({
  type: 'unix',
  families: DIALOGUE_FAMILIES,
  settings,
  target: unixTarget,
  probe,
});

function settings(files: ConfigFiles): z.ZodType<UnixSettings> {
  return z
    .strictObject({
      ...dialogueKeys(files),
    })
    .transform((given) => ({
      steps: given.query_response,
      tls: given.tls_config ?? defaultTls(),
      tlsAtOnce: given.tls,
    }));
}

/** Reads the path of a socket. */
function unixTarget(address: string): TargetParts | TargetProblem {
  const expected = 'expected the absolute path of a socket, such as /run/app/app.sock';
  if (!address.startsWith('/')) return { problem: `"${address}" is not an absolute path; ${expected}` };
  if (address.includes('\0')) return { problem: `the path contains a zero byte; ${expected}` };
  const bytes = Buffer.byteLength(address);
  if (bytes > MAX_PATH_BYTES)
    return { problem: `the path has ${bytes} bytes, and a socket's has at most ${MAX_PATH_BYTES}` };
  return { label: address, host: address };
}

async function probe(target: Target, settings: UnixSettings, run: Run): Promise<Outcome> {
  const timer = new PhaseTimer(run.monotonic);
  timer.enter('connect');
  let socket: Socket;
  try {
    run.permit?.(target.address);
    socket = await dialUnix(target.address, run.signal);
    run.log('connected', { path: target.address });
  } catch (error) {
    return { verdict: verdictOf(error, run, timer), samples: [], phases: timer.stop() };
  }
  const end = await runDialogue({ socket, host: target.address, run, timer, ...settings });
  return { ...end, phases: timer.stop() };
}
