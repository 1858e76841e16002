import type { Config } from '../../config/types.ts';
import type { Clock } from '../../domain/clock.ts';
import type { Sample } from '../../metrics/family.ts';
import { blackboxSamples } from '../../probes/endpoint/blackbox-series.ts';
import { CelThread } from '../../probes/http/rules/cel-thread.ts';
import type { ChainCertificate } from '../../probes/net/tls/chain.ts';
import { createResolver } from '../../probes/net/resolver.ts';
import type { RunResult } from '../../probes/prober.ts';
import { runProbe } from '../../probes/run.ts';

export { samplesText } from '../../exposition/formats/text.ts';

/** One run of a module, with everything that it reported. */
export interface ProbeReport {
  readonly module: string;
  readonly prober: string;
  /** Without credentials. */
  readonly target: string;
  readonly result: RunResult;
  /** Of the last TLS connection: the server's own certificate first. */
  readonly certificates: readonly ChainCertificate[];
  /** The samples that `/probe` would have returned. */
  readonly samples: readonly Sample[];
}

interface ProbeOnceOptions {
  readonly config: Config;
  readonly module: string;
  readonly target: string;
  readonly clock: Clock;
  /** The folder of the built code. */
  readonly codeUrl: URL;
  /** Cancels the run. */
  readonly signal: AbortSignal;
}

/** The timeout of a module without a timeout. */
const PATIENCE_MS = 10_000;

/** Runs a module against a target once; returns a text if the module or the target is invalid. */
export async function probeOnce(options: ProbeOnceOptions): Promise<ProbeReport | string> {
  const { config, clock, signal } = options;
  const modules = config.probeEndpoint.modules();
  const module = modules.get(options.module);
  if (module === undefined)
    return `unknown module "${options.module}"; expected one of ${[...modules.keys()].join(', ')}`;
  const { prober, probe } = module;
  const address = prober.probeAddress?.(options.target) ?? options.target;
  const parts = prober.target(address);
  if ('problem' in parts) return `the module "${module.name}" cannot probe this target: ${parts.problem}`;
  let certificates: readonly ChainCertificate[] = [];
  const cel = new CelThread({ codeUrl: options.codeUrl, clock });
  const result = await runProbe({
    probe,
    target: { address, ...parts },
    timeoutMs: module.timeoutMs ?? PATIENCE_MS,
    resolver: createResolver({ monotonic: () => clock.monotonic() }),
    clock,
    signal,
    evaluateCel: cel.evaluate,
    onChain: (chain) => (certificates = chain),
  });
  await cel.stop();
  return {
    module: module.name,
    prober: prober.type,
    target: parts.label,
    result,
    certificates,
    samples: blackboxSamples(result, probe),
  };
}
