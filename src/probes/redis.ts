import type { Socket } from 'node:net';
import { z } from 'zod';
import type { Secret } from '../domain/secret.ts';
import type { Verdict } from '../domain/result.ts';
import { failure, SUCCESS } from '../domain/result.ts';
import type { Target } from '../domain/service.ts';
import type { Sample } from '../metrics/family.ts';
import { sample } from '../metrics/family.ts';
import { TLS_FAMILIES } from './net/tls/certificates.ts';
import { open } from './net/dial.ts';
import { ProbeFailure } from './net/failure.ts';
import { PhaseTimer, verdictOf } from './net/phases.ts';
import { defaultTls, tlsSettings } from './net/tls/settings.ts';
import type { TlsClient } from './net/tls/client.ts';
import type { Outcome, Run } from './prober.ts';
import { defineProber } from './prober.ts';
import { REDIS_FAMILIES, REDIS_UP, infoDetails, infoSamples } from './redis/families.ts';
import { infoNumber, parseInfo } from './redis/info.ts';
import { loadRedisDriver, readInfo, type Login, type RedisDriver } from './redis/session.ts';
import { parseRedisAddress, redisTarget, type RedisAddress } from './redis/target.ts';
import { fileInsteadOf, secret, secretFile, type ConfigFiles } from '../settings/values.ts';

interface RedisSettings {
  readonly username: string | undefined;
  readonly password: Secret | undefined;
  readonly db: number | undefined;
  readonly tls: TlsClient;
  /** Starts loading when the settings are read, so that no run waits for it. */
  readonly driver: Promise<RedisDriver>;
  /** Used memory over maximum memory. */
  readonly maxMemoryRatio: number | undefined;
}

/** Logs in to a Redis server, pings it and reads its INFO. */
export const redisProber = defineProber<RedisSettings>({
  type: 'redis',
  families: [...REDIS_FAMILIES, ...TLS_FAMILIES],
  settings,
  target: redisTarget,
  probe,
});

function settings(files: ConfigFiles): z.ZodType<RedisSettings> {
  return z
    .strictObject({
      username: z.string().min(1).optional().meta({
        description: 'the user, for Redis 6 and later; `default` when absent',
      }),
      password: secret.optional().meta({ description: 'the password; one in the address takes precedence' }),
      password_file: secretFile(files).optional().meta(fileInsteadOf('password')),
      db: z.int().min(0).max(99_999).optional().meta({
        description: 'the number of the database to select, which has to exist',
      }),
      tls_config: tlsSettings(files, 'for `rediss://`'),
      max_memory_ratio: z.number().gt(0).max(1).optional().meta({
        description: 'fail when a larger share of `maxmemory` is in use: more than 0, at most 1',
      }),
    })
    .refine((given) => given.password === undefined || given.password_file === undefined, {
      error: 'password and password_file are both given; expected one',
      path: ['password_file'],
    })
    .transform((given) => ({
      username: given.username,
      password: given.password ?? given.password_file,
      db: given.db,
      tls: given.tls_config ?? defaultTls(),
      driver: loadRedisDriver(),
      maxMemoryRatio: given.max_memory_ratio,
    }));
}

async function probe(target: Target, given: RedisSettings, run: Run): Promise<Outcome> {
  const address = parseRedisAddress(target.address);
  if ('problem' in address) throw new Error('a target that redisTarget refuses cannot be probed');
  const timer = new PhaseTimer(run.monotonic);
  let tlsSamples: readonly Sample[] = [];
  let socket: Socket | undefined;
  try {
    socket = await open(run, timer, { host: address.host, port: address.port, prefer: 4, fallback: true });
    if (address.tls) {
      timer.enter('tls');
      const handshake = await given.tls.handshake({
        socket,
        host: address.host,
        signal: run.signal,
        onChain: run.onChain,
      });
      tlsSamples = handshake.samples;
      if (handshake.verdict.status !== 'success') throw new ProbeFailure(handshake.verdict);
      socket = handshake.socket;
    }
    timer.enter('processing');
    const info = parseInfo(await readInfo(await given.driver, socket, loginOf(address, given)));
    run.log('info', { fields: info.size });
    return {
      verdict: judge(info, given.maxMemoryRatio),
      samples: [...infoSamples(info), ...tlsSamples],
      phases: timer.stop(),
      details: { extra: infoDetails(info) },
    };
  } catch (error) {
    const verdict = verdictOf(error, run, timer);
    const down = verdict.status === 'failure' ? [sample(REDIS_UP, 0)] : [];
    return { verdict, samples: [...down, ...tlsSamples], phases: timer.stop() };
  } finally {
    socket?.destroy();
  }
}

/** The login of the address takes precedence over that of the settings. */
function loginOf(address: RedisAddress, given: RedisSettings): Login {
  return {
    username: address.username ?? given.username,
    password: address.password ?? given.password?.reveal(),
    db: address.db ?? given.db,
  };
}

function judge(info: ReadonlyMap<string, string>, maxRatio: number | undefined): Verdict {
  const used = infoNumber(info, 'used_memory');
  const max = infoNumber(info, 'maxmemory');
  // maxmemory 0 is "no limit"
  if (maxRatio === undefined || used === undefined || max === undefined || max === 0) return SUCCESS;
  const ratio = used / max;
  if (ratio <= maxRatio) return SUCCESS;
  return failure(
    'threshold',
    `${percent(ratio)} of maxmemory are used, expected at most ${percent(maxRatio)}`,
  );
}

function percent(ratio: number): string {
  return `${(ratio * 100).toFixed(1)}%`;
}
