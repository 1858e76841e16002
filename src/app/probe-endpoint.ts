import type { Config } from '../config/types.ts';
import type { Clock, MonotonicMs } from '../domain/clock.ts';
import type { Logger } from '../domain/log.ts';
import { ConcurrencyLimiter, type ConcurrencyLimits } from '../http/concurrency-limiter.ts';
import { isLoopback } from '../domain/network.ts';
import { ProbeEndpoint } from '../probes/endpoint/endpoint.ts';
import type { Listener } from '../probes/endpoint/own-listener.ts';
import type { EvaluateCel } from '../probes/http/rules/cel-judge.ts';
import { createResolver } from '../probes/net/resolver.ts';

interface ProbeEndpointParts {
  /** The configuration in force. */
  readonly config: () => Config;
  readonly clock: Clock;
  /** Where Tocsin listens; undefined before that. */
  readonly listener: () => Listener | undefined;
  /** As `runProbe` takes it. */
  readonly stalledMs?: (since: MonotonicMs) => number;
  readonly evaluateCel?: EvaluateCel;
}

/** `/probe` on the configuration in force. */
export function createProbeEndpoint({
  config,
  clock,
  listener,
  stalledMs,
  evaluateCel,
}: ProbeEndpointParts): ProbeEndpoint {
  let [from, settings] = [config(), endpointSettings(config())];
  const places = new ConcurrencyLimiter(() => placeLimits(config()));
  return new ProbeEndpoint({
    settings: () => {
      const current = config();
      if (current !== from) [from, settings] = [current, endpointSettings(current)];
      return { ...settings, listener: listener() };
    },
    resolver: createResolver({ monotonic: () => clock.monotonic() }),
    clock,
    acquire: (client) => places.acquire(client),
    ...(stalledMs !== undefined && { stalledMs }),
    ...(evaluateCel !== undefined && { evaluateCel }),
  });
}

/**
 * One address may have three quarters; a quarter is reserved for known scrapers and clients with a token, where there
 * are any.
 */
function placeLimits({ probeEndpoint: { maxConcurrency: max }, server, metrics }: Config): ConcurrencyLimits {
  const known = !metrics.trusted.empty || server.tokens.some(({ scopes }) => scopes.includes('metrics'));
  const share = Math.floor(max / 4);
  return { max, maxPerAddress: max - share, reserved: known ? share : 0 };
}

function endpointSettings({ probeEndpoint, server }: Config) {
  const { modules, allow, maxConcurrency } = probeEndpoint;
  return { modules, allow, maxConcurrency, open: isLoopback(server.listen.host) };
}

/** Logs the problems of modules that are valid but cannot work. */
export function warnOfModules({ probeEndpoint: { notices } }: Config, logger: Logger): void {
  if (notices.length > 0) logger.warn({ modules: notices }, 'the modules file has settings that cannot work');
}
