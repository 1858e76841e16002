import { z } from 'zod';
import { AllowList } from '../../domain/allow-list.ts';
import { isLoopback } from '../../domain/network.ts';
import type { ProbeModule } from '../../probes/module.ts';
import type { ConfigContext } from '../schema/context.ts';
import { key, readMapping } from '../schema/mapping.ts';
import type { Values } from '../schema/mapping.ts';
import { defaultModules, loadModules } from '../modules/modules.ts';
import { memoize } from '../memoize.ts';
import type { ConfigReader } from '../reading/reader.ts';
import type { ModuleNotice } from '../modules/modules.ts';
import type { ConfigProblem } from '../reading/problem.ts';
import { allowEntry, count, pathIn } from '../schema/values.ts';
import type { ServerConfig } from './server.ts';

/** The keys of `probe_endpoint`. */
export const probeEndpointKeys = ({ files }: Pick<ConfigContext, 'files'>) => ({
  modules_file: key(
    'modulesFile',
    pathIn(files).optional(),
    "blackbox_exporter's own file (`blackbox.yml`); without it, the modules of the one that blackbox_exporter ships. Read in its dialect: YAML 1.1's booleans (`yes`, `off`), durations of Go (`1.5s`), no variables expanded. Files that it names are relative to it",
  ),
  allow: key(
    'allow',
    z.array(allowEntry).prefault([]),
    "networks (`10.0.0.0/8`), hosts and globs (`*.example.com`, `/run/*.sock`), each for every port or for one (`10.0.0.0/8:443`, `[fd00::/8]:80`). While Tocsin listens on loopback, an empty list allows everything; off loopback it is an error, and without `probe_endpoint` every target is refused. Link-local and cloud metadata addresses, also within IPv6 ones (NAT64, 6to4, Teredo …), always need an entry of their own, and so does Tocsin's own listener: one with its address and port (`127.0.0.1:10464`). A path with `..` matches nothing",
  ),
  max_concurrency: key(
    'maxConcurrency',
    count.prefault(512),
    'runs at the same time; more are answered with 503. One address may use three quarters of them; more are answered with 429. The last quarter is reserved for `metrics.trusted` and for clients with a token, where tokens are configured. Services are not counted, and do not wait for `/probe`',
  ),
});

/** `/probe`: which modules and targets may be requested. */
export interface ProbeEndpointConfig extends Omit<
  Values<ReturnType<typeof probeEndpointKeys>>,
  'allow' | 'modulesFile'
> {
  readonly modules: () => ReadonlyMap<string, ProbeModule>;
  /** What blackbox_exporter loads although it cannot work. */
  readonly notices: readonly ModuleNotice[];
  /** If empty, every target while Tocsin listens on loopback, else none. */
  readonly allow: AllowList;
}

interface ProbeEndpointRead {
  readonly config: ProbeEndpointConfig | undefined;
  /** The problems of the modules file. */
  readonly problems: readonly ConfigProblem[];
}

/** Reads `probe_endpoint` and the modules file that it names. */
export function readProbeEndpoint(
  reader: ConfigReader,
  context: ConfigContext,
  listen: ServerConfig['listen'] | undefined,
): ProbeEndpointRead {
  const { probers, files } = context;
  const { whole, partial } = readMapping(reader, probeEndpointKeys(context), ['probe_endpoint']);
  checkAllow(reader, partial.allow, listen);
  const file = partial.modulesFile;
  const loaded = file === undefined ? undefined : loadModules(file, probers, files.environment);
  const problems = loaded?.problems ?? [];
  if (whole === undefined || problems.length > 0) return { config: undefined, problems };
  const { modulesFile: _, ...limits } = whole;
  return {
    config: {
      ...limits,
      modules: loaded === undefined ? memoize(() => defaultModules(probers)) : () => loaded.modules,
      notices: loaded?.notices ?? [],
      allow: new AllowList(whole.allow),
    },
    problems,
  };
}

/** Clients on other machines must not be able to reach everything that this machine can. */
function checkAllow(
  reader: ConfigReader,
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
