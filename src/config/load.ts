import { dirname, resolve } from 'node:path';
import type { Prober } from '../probes/prober.ts';
import { readWebhooks } from './access.ts';
import type { Environment } from './expand.ts';
import { filesIn, readText, stands } from './files.ts';
import { deepFreeze } from './freeze.ts';
import { once } from './once.ts';
import { readPipeline } from './pipeline.ts';
import { readProbeEndpoint } from './probe-endpoint.ts';
import { Reader } from './reader.ts';
import { readSinks } from './sinks.ts';
import { configSchemas, rootSchema } from './schemas.ts';
import { readMetrics, readScheduling, readServer } from './sections.ts';
import { readServices } from './services.ts';
import { shownConfiguration } from './shown.ts';
import type { Config, ConfigProblem, ConfigResult, ServerConfig } from './types.ts';
import { listenAddress } from './values.ts';
import { parseYaml } from './yaml.ts';

export interface LoadOptions {
  /** As given on the command line; undefined: `./tocsin.yml` if it stands, else built-in defaults. */
  readonly path?: string | undefined;
  readonly cwd: string;
  readonly env: Environment;
  /** The default of `server.node`. */
  readonly hostname: string;
  /** `HOST:PORT`, instead of `server.listen`. */
  readonly listen?: string | undefined;
  readonly probers: readonly Prober[];
  /** Names of the host's collectors, which `host.collectors.disable` may list. */
  readonly collectors: readonly string[];
}

const DEFAULT_FILE = 'tocsin.yml';

/**
 * Loads and validates the configuration: expands `${…}`, reads the files it names, applies `listen`, and checks the
 * rules across keys. Never throws for what a user can get wrong: every problem is told at once. Deeply frozen.
 */
export function loadConfig(options: LoadOptions): ConfigResult {
  const source = openSource(options);
  if ('problem' in source) return { ok: false, problems: [source.problem] };
  const document = parseYaml(source.text, options.env);
  const reader = new Reader(source.name, document);
  const listen = options.listen === undefined ? undefined : listenOption(options.listen);
  const config = document.readable
    ? readConfig(reader, options, { file: source.file, listen: listen?.listen })
    : undefined;
  const problems = [...reader.problems(), ...(config?.problems ?? []), ...(listen?.problems ?? [])];
  if (config?.sections === undefined || problems.length > 0) return { ok: false, problems };
  const { sections } = config;
  // a thousand services are a tenth of a second of parsing and formatting, in which nothing else is answered
  const shown = once(() => shownConfiguration(source.text, sections.probeEndpoint.modules()));
  return { ok: true, config: deepFreeze({ ...sections, file: source.file, shown }) };
}

type Source =
  | { readonly name: string; readonly file: string | undefined; readonly text: string }
  | { readonly problem: ConfigProblem };

function openSource({ path, cwd }: LoadOptions): Source {
  const name = path ?? DEFAULT_FILE;
  const file = resolve(cwd, name);
  if (path === undefined && !stands(file)) return { name, file: undefined, text: '' };
  try {
    return { name, file, text: readText(file) };
  } catch (error) {
    return {
      problem: { file: name, path: '', message: error instanceof Error ? error.message : String(error) },
    };
  }
}

interface ListenOption {
  readonly listen?: ServerConfig['listen'];
  readonly problems: readonly ConfigProblem[];
}

function listenOption(given: string): ListenOption {
  const result = listenAddress.safeParse(given);
  if (result.success) return { listen: result.data, problems: [] };
  return { problems: result.error.issues.map(({ message }) => ({ file: '--listen', path: '', message })) };
}

interface Origin {
  readonly file: string | undefined;
  readonly listen: ServerConfig['listen'] | undefined;
}

interface ConfigRead {
  readonly sections: Omit<Config, 'file' | 'shown'> | undefined;
  /** What is wrong with further files that it names. */
  readonly problems: readonly ConfigProblem[];
}

function readConfig(reader: Reader, options: LoadOptions, origin: Origin): ConfigRead {
  const files = filesIn(origin.file === undefined ? options.cwd : dirname(origin.file), options.env);
  const schemas = configSchemas(files, options.collectors);
  reader.section({}, [], { other: Object.keys(rootSchema(schemas).shape) });
  const server = readServer(reader, schemas, { hostname: options.hostname, listen: origin.listen });
  const metrics = readMetrics(reader, schemas);
  const store = reader.section(schemas.store, ['store']).whole;
  const scheduling = readScheduling(reader, schemas);
  const host = reader.section(schemas.host, ['host']).whole;
  const listen = origin.listen ?? server?.listen;
  const probeEndpoint = readProbeEndpoint(reader, schemas, {
    probers: options.probers,
    listen,
    env: options.env,
  });
  const webhooks = readWebhooks(reader, schemas);
  const alerts = reader.section(schemas.alerts, ['alerts']).whole;
  const sinks = readSinks(reader, schemas);
  const pipeline = readPipeline(reader, schemas, webhooks);
  const services = readServices({
    reader,
    schemas,
    files,
    probers: options.probers,
    defaults: scheduling.defaults,
  });
  const scheduler = scheduling.caps;
  const { problems } = probeEndpoint;
  const probing = probeEndpoint.config;
  const read = server && metrics && store && scheduler && host && probing;
  if (!read || !webhooks || !alerts || !pipeline || !sinks) return { sections: undefined, problems };
  const sections = {
    server,
    metrics,
    store: { path: store.path, historyMs: store.retention.history, eventsMs: store.retention.events },
    scheduler,
    host: {
      enabled: host.enabled,
      procfs: host.procfs,
      sysfs: host.sysfs,
      rootfs: host.rootfs,
      textfile: host.textfile,
      disabledCollectors: host.collectors.disable,
    },
    probeEndpoint: probing,
    webhooks,
    alerts: {
      sameStartToleranceMs: alerts.same_start_tolerance,
      staleHoldMs: alerts.stale_hold,
      expireAfterMs: alerts.expire_after,
    },
    sinks,
    ...pipeline,
    services,
  };
  return { sections, problems };
}
