import type { Socket } from 'node:net';
import { z } from 'zod';
import { formatDuration } from '../domain/quantity.ts';
import type { Verdict } from '../domain/result.ts';
import { failure } from '../domain/result.ts';
import type { Target } from '../domain/service.ts';
import type { Sample } from '../metrics/family.ts';
import { cipherSample, earliestExpiry, TLS_CIPHER, TLS_FAMILIES } from './net/tls/certificates.ts';
import { open } from './net/dial.ts';
import { hostPort } from './net/host-port.ts';
import { ipPreference, ipSettings, sourceAddress, type IpPreference } from './net/ip-settings.ts';
import { PhaseTimer, verdictOf } from './net/phases.ts';
import { defaultTls, tlsSettings } from './net/tls/settings.ts';
import type { TlsClient } from './net/tls/client.ts';
import type { Outcome, Run } from './prober.ts';
import { defineProber } from './prober.ts';
import { positiveDuration, type ConfigFiles } from '../settings/values.ts';
import { startTls, STARTTLS, type StartTls } from './starttls/starttls.ts';

interface TlsSettings {
  readonly ip: IpPreference;
  readonly sourceAddress: string | undefined;
  /** Undefined: TLS from the first byte. */
  readonly starttls: StartTls | undefined;
  readonly tls: TlsClient;
  /** The minimum remaining validity of a certificate, milliseconds. */
  readonly expiresWithinMs: number | undefined;
}

/** Makes a TLS handshake, after STARTTLS if configured, and judges the certificates. */
export const tlsProber = defineProber<TlsSettings>({
  type: 'tls',
  families: [...TLS_FAMILIES, TLS_CIPHER],
  settings,
  target: (address) => {
    const parts = hostPort(address);
    return 'problem' in parts ? parts : { label: address, host: parts.host };
  },
  probe,
});

function settings(files: ConfigFiles): z.ZodType<TlsSettings> {
  return z
    .strictObject({
      ...ipSettings(files),
      source_ip_address: sourceAddress,
      starttls: z.enum(STARTTLS).optional().meta({
        description:
          'the protocol in which the server is asked to change to TLS; when absent, TLS begins at once',
      }),
      server_name: z.string().min(1).optional().meta({ description: 'short for `tls_config.server_name`' }),
      expires_within: positiveDuration.optional().meta({
        description: 'fail when a certificate that the server sends expires within this time',
      }),
      tls_config: tlsSettings(files, 'for the handshake'),
    })
    .refine((given) => given.server_name === undefined || given.tls_config?.hasServerName !== true, {
      error: 'server_name and tls_config.server_name are both given; expected one',
      path: ['server_name'],
    })
    .transform((given) => {
      const tls = given.tls_config ?? defaultTls();
      return {
        ip: ipPreference(given),
        sourceAddress: given.source_ip_address,
        starttls: given.starttls,
        tls: given.server_name === undefined ? tls : tls.withServerName(given.server_name),
        expiresWithinMs: given.expires_within,
      };
    });
}

async function probe(target: Target, settings: TlsSettings, run: Run): Promise<Outcome> {
  const parts = hostPort(target.address);
  if ('problem' in parts) throw new Error('a target that hostPort refuses cannot be probed');
  const { ip, sourceAddress: localAddress, starttls, tls, expiresWithinMs } = settings;
  const timer = new PhaseTimer(run.monotonic);
  let socket: Socket | undefined;
  try {
    socket = await open(run, timer, { ...parts, ...ip, localAddress });
    if (starttls !== undefined) {
      timer.enter('processing');
      await startTls(starttls, socket, run.signal);
      run.log('STARTTLS', { protocol: starttls });
    }
    timer.enter('tls');
    const handshake = await tls.handshake({
      socket,
      host: parts.host,
      signal: run.signal,
      onChain: run.onChain,
    });
    const samples = [...handshake.samples, cipherSample(handshake.socket)];
    handshake.socket.destroySoon();
    const { verdict } = handshake;
    return {
      verdict: verdict.status === 'success' ? (expiry(samples, expiresWithinMs) ?? verdict) : verdict,
      samples,
      phases: timer.stop(),
    };
  } catch (error) {
    socket?.destroy();
    return { verdict: verdictOf(error, run, timer), samples: [], phases: timer.stop() };
  }
}

/** The objection to certificates that are valid now. */
function expiry(samples: readonly Sample[], withinMs: number | undefined): Verdict | undefined {
  const at = earliestExpiry(samples);
  if (withinMs === undefined || at === undefined) return undefined;
  const left = at * 1_000 - Date.now();
  if (left > withinMs) return undefined;
  const when = new Date(at * 1_000).toISOString().replace('.000', '');
  return failure(
    'threshold',
    `A certificate expires at ${when}, which is within expires_within (${formatDuration(withinMs)})`,
  );
}
