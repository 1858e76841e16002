import type { Socket } from 'node:net';
import { z } from 'zod';
import type { Target } from '../domain/service.ts';
import { runDialogue } from './dialogue/dialogue.ts';
import { DIALOGUE_FAMILIES } from './dialogue/families.ts';
import { dialogueKeys, type DialogueStep } from './dialogue/settings.ts';
import { open } from './net/dial.ts';
import { hostPort } from './net/host-port.ts';
import type { IpPreference } from './net/ip-settings.ts';
import { ipPreference, ipSettings, sourceAddress } from './net/ip-settings.ts';
import { PhaseTimer, verdictOf } from './net/phases.ts';
import { defaultTls } from './net/tls/settings.ts';
import type { TlsClient } from './net/tls/client.ts';
import type { Outcome, Run } from './prober.ts';
import { defineProber } from './prober.ts';
import type { ConfigFiles } from '../settings/values.ts';

interface TcpSettings {
  readonly ip: IpPreference;
  readonly sourceAddress: string | undefined;
  readonly steps: readonly DialogueStep[];
  readonly tls: TlsClient;
  readonly tlsAtOnce: boolean;
}

/** Connects to a port, optionally with TLS, and runs a dialogue; with blackbox_exporter's keys and families. */
export const tcpProber = defineProber<TcpSettings>({
  type: 'tcp',
  families: DIALOGUE_FAMILIES,
  settings,
  target: (address) => {
    const parts = hostPort(address);
    return 'problem' in parts ? parts : { label: address, host: parts.host };
  },
  probe,
  withHostname: (given, hostname) => ({ ...given, tls: given.tls.withServerName(hostname) }),
});

function settings(files: ConfigFiles): z.ZodType<TcpSettings> {
  return z
    .strictObject({
      ...ipSettings(files),
      source_ip_address: sourceAddress,
      ...dialogueKeys(files),
    })
    .transform((given) => ({
      ip: ipPreference(given),
      sourceAddress: given.source_ip_address,
      steps: given.query_response,
      tls: given.tls_config ?? defaultTls(),
      tlsAtOnce: given.tls,
    }));
}

async function probe(target: Target, settings: TcpSettings, run: Run): Promise<Outcome> {
  const parts = hostPort(target.address);
  if ('problem' in parts) throw new Error('a target that hostPort refuses cannot be probed');
  const { ip, sourceAddress: localAddress, ...dialogue } = settings;
  const timer = new PhaseTimer(run.monotonic);
  let socket: Socket;
  try {
    socket = await open(run, timer, { ...parts, ...ip, localAddress });
  } catch (error) {
    return { verdict: verdictOf(error, run, timer), samples: [], phases: timer.stop() };
  }
  const end = await runDialogue({ socket, host: parts.host, run, timer, ...dialogue });
  return { ...end, phases: timer.stop() };
}
