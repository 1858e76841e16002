import { AllowList } from '../domain/allow-list.ts';
import { isLoopback } from '../domain/network.ts';
import type { Prober } from '../probes/prober.ts';
import type { Environment } from './expand.ts';
import { defaultModules, loadModules } from './modules.ts';
import { once } from './once.ts';
import type { Reader } from './reader.ts';
import type { ConfigSchemas } from './schemas.ts';
import type { ConfigProblem, ProbeEndpointConfig, ServerConfig } from './types.ts';

interface ProbeEndpointInput {
  readonly probers: readonly Prober[];
  readonly listen: ServerConfig['listen'] | undefined;
  /** Variables that modules may name. */
  readonly env: Environment;
}

export interface ProbeEndpointRead {
  readonly config: ProbeEndpointConfig | undefined;
  /** What is wrong with the modules file. */
  readonly problems: readonly ConfigProblem[];
}

/** Reads `probe_endpoint` and the modules file that it names. */
export function readProbeEndpoint(
  reader: Reader,
  schemas: ConfigSchemas,
  { probers, listen, env }: ProbeEndpointInput,
): ProbeEndpointRead {
  const { whole, partial } = reader.section(schemas.probeEndpoint, ['probe_endpoint']);
  checkAllow(reader, partial.allow, listen);
  const file = partial.modules_file;
  const loaded = file === undefined ? undefined : loadModules(file, probers, env);
  const problems = loaded?.problems ?? [];
  if (whole === undefined || problems.length > 0) return { config: undefined, problems };
  return {
    config: {
      modulesFile: file,
      modules: loaded === undefined ? once(() => defaultModules(probers)) : () => loaded.modules,
      notices: loaded?.notices ?? [],
      allow: new AllowList(whole.allow),
      maxConcurrency: whole.max_concurrency,
    },
    problems,
  };
}

/** Who can ask from elsewhere must not be able to reach everything that this machine can. */
function checkAllow(
  reader: Reader,
  allow: readonly string[] | undefined,
  listen: ServerConfig['listen'] | undefined,
): void {
  if (allow?.length !== 0 || listen === undefined || isLoopback(listen.host)) return;
  if (!reader.has(['probe_endpoint'])) return;
  const path = ['probe_endpoint', ...(reader.has(['probe_endpoint', 'allow']) ? ['allow'] : [])];
  reader.report(
    path,
    `Tocsin listens on ${listen.host}, off loopback, so /probe needs an allow list: networks, hosts or globs that may be probed`,
  );
}
