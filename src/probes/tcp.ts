import { isIP, type Socket } from 'node:net';
import { z } from 'zod';
import { SUCCESS } from '../domain/result.ts';
import type { Target } from '../domain/service.ts';
import { TLS_FAMILIES } from './net/certificates.ts';
import { open } from './net/dial.ts';
import { hostPort } from './net/host-port.ts';
import type { IpPreference } from './net/ip-settings.ts';
import { ipPreference, ipSettings } from './net/ip-settings.ts';
import { PhaseTimer, verdictOf } from './net/phases.ts';
import { defaultTls, tlsSettings } from './net/tls-settings.ts';
import type { TlsClient } from './net/tls.ts';
import type { Outcome, Run } from './prober.ts';
import { defineProber } from './prober.ts';
import type { ConfigFiles } from './settings.ts';

interface TcpSettings {
  readonly ip: IpPreference;
  readonly sourceAddress: string | undefined;
  /** Present when TLS is spoken. */
  readonly tls: TlsClient | undefined;
}

/** Connects to a port, and makes a TLS handshake if told to. */
export const tcpProber = defineProber<TcpSettings>({
  type: 'tcp',
  families: TLS_FAMILIES,
  settings,
  target: (address) => {
    const parts = hostPort(address);
    return 'problem' in parts ? parts : { label: address, host: parts.host };
  },
  probe,
});

function settings(files: ConfigFiles): z.ZodType<TcpSettings> {
  return z
    .strictObject({
      ...ipSettings,
      source_ip_address: z
        .string()
        .refine((text) => isIP(text) !== 0, { error: 'expected an IP address of this host' })
        .optional(),
      tls: z.boolean().default(false),
      tls_config: tlsSettings(files).optional(),
    })
    .refine((given) => given.tls || given.tls_config === undefined, {
      error: 'tls_config has no effect without tls: true',
      path: ['tls_config'],
    })
    .transform((given) => ({
      ip: ipPreference(given),
      sourceAddress: given.source_ip_address,
      tls: given.tls ? (given.tls_config ?? defaultTls()) : undefined,
    }));
}

async function probe(target: Target, { ip, sourceAddress, tls }: TcpSettings, run: Run): Promise<Outcome> {
  const parts = hostPort(target.address);
  if ('problem' in parts) throw new Error('a target that hostPort refuses cannot be probed');
  const timer = new PhaseTimer(run.monotonic);
  let socket: Socket | undefined;
  try {
    socket = await open(run, timer, { ...parts, ...ip, localAddress: sourceAddress });
    if (tls === undefined) {
      socket.destroy();
      return { verdict: SUCCESS, samples: [], phases: timer.stop() };
    }
    timer.enter('tls');
    const handshake = await tls.handshake({ socket, host: parts.host, signal: run.signal });
    handshake.socket.destroySoon();
    return { verdict: handshake.verdict, samples: handshake.samples, phases: timer.stop() };
  } catch (error) {
    socket?.destroy();
    return { verdict: verdictOf(error, run, timer), samples: [], phases: timer.stop() };
  }
}
