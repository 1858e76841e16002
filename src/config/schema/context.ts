import type { Prober } from '../../probes/prober.ts';
import type { ConfigFiles } from '../../settings/values.ts';

/** What the keys of `tocsin.yml` depend on. */
export interface ConfigContext {
  readonly files: ConfigFiles;
  /** The default of `server.node`. */
  readonly hostname: string;
  readonly probers: readonly Prober[];
  /** Names of the host's collectors, which `host.collectors.disable` may list. */
  readonly collectors: readonly string[];
}
