import { dirname, resolve } from 'node:path';
import type { Prober } from '../probes/prober.ts';
import type { Environment } from './yaml/expand.ts';
import { configFilesIn, readText, fileExists } from './config-files.ts';
import { deepFreeze } from './freeze.ts';
import { memoize } from './memoize.ts';
import type { ConfigContext } from './schema/context.ts';
import { readMapping } from './schema/mapping.ts';
import { ConfigReader } from './reading/reader.ts';
import { ROOT_KEYS } from './root.ts';
import { readAlertmanagers } from './sections/alertmanagers.ts';
import { alertsKeys } from './sections/alerts.ts';
import { escalationKeys } from './sections/escalation.ts';
import { hostKeys } from './sections/host.ts';
import { metricsKeys } from './sections/metrics.ts';
import { readProbeEndpoint } from './sections/probe-endpoint.ts';
import { readScheduling } from './sections/scheduler.ts';
import { readServer } from './sections/server.ts';
import { readServices } from './sections/services/services.ts';
import { readSinks } from './sections/sinks.ts';
import { storeKeys } from './sections/store.ts';
import { readPing, readWatchdogs } from './sections/watchdogs.ts';
import { readWebhooks } from './sections/webhooks.ts';
import { redactedConfiguration } from './yaml/redacted-yaml.ts';
import type { Config, ConfigProblem, ConfigResult, ServerConfig } from './types.ts';
import { listenAddress } from './schema/values.ts';
import { parseYaml } from './yaml/yaml.ts';

export interface LoadOptions {
  /** From the command line; undefined: `./tocsin.yml` if it exists, else built-in defaults. */
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
 * rules across keys. Never throws for a user's mistake: all problems are reported at once. Deeply frozen.
 */
export function loadConfig(options: LoadOptions): ConfigResult {
  const source = openSource(options);
  if ('problem' in source) return { ok: false, problems: [source.problem] };
  const document = parseYaml(source.text, options.env);
  const reader = new ConfigReader(source.name, document);
  const listen = options.listen === undefined ? undefined : listenOption(options.listen);
  const config = document.readable
    ? readConfig(reader, options, { file: source.file, listen: listen?.listen })
    : undefined;
  const problems = [...reader.problems(), ...(config?.problems ?? []), ...(listen?.problems ?? [])];
  if (config?.sections === undefined || problems.length > 0) return { ok: false, problems };
  const { sections } = config;
  // a thousand services take a tenth of a second to parse and format, during which nothing else is served
  const redacted = memoize(() => redactedConfiguration(source.text, sections.probeEndpoint.modules()));
  return { ok: true, config: deepFreeze({ ...sections, file: source.file, redacted }) };
}

type ConfigSource =
  | { readonly name: string; readonly file: string | undefined; readonly text: string }
  | { readonly problem: ConfigProblem };

function openSource({ path, cwd }: LoadOptions): ConfigSource {
  const name = path ?? DEFAULT_FILE;
  const file = resolve(cwd, name);
  if (path === undefined && !fileExists(file)) return { name, file: undefined, text: '' };
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

interface ConfigOrigin {
  readonly file: string | undefined;
  readonly listen: ServerConfig['listen'] | undefined;
}

interface ConfigRead {
  readonly sections: Omit<Config, 'file' | 'redacted'> | undefined;
  /** Problems in the files that it names. */
  readonly problems: readonly ConfigProblem[];
}

function readConfig(reader: ConfigReader, options: LoadOptions, origin: ConfigOrigin): ConfigRead {
  const files = configFilesIn(origin.file === undefined ? options.cwd : dirname(origin.file), options.env);
  const context: ConfigContext = { ...options, files };
  reader.section({}, [], { other: Object.keys(ROOT_KEYS) });
  const server = readServer(reader, context, origin.listen);
  const { scheduler, defaults } = readScheduling(reader);
  const probing = readProbeEndpoint(reader, context, origin.listen ?? server?.listen);
  const webhooks = readWebhooks(reader, context);
  const ping = readPing(reader, context);
  const sections = {
    server,
    metrics: readMapping(reader, metricsKeys, ['metrics']).whole,
    store: readMapping(reader, storeKeys(context), ['store']).whole,
    scheduler,
    host: readMapping(reader, hostKeys(context), ['host']).whole,
    probeEndpoint: probing.config,
    webhooks,
    alerts: readMapping(reader, alertsKeys, ['alerts']).whole,
    sinks: readSinks(reader, context),
    alertmanagers: readAlertmanagers(reader, context, webhooks),
    escalation: readMapping(reader, escalationKeys, ['escalation']).whole,
    watchdogs: readWatchdogs(reader),
    services: readServices(reader, context, defaults),
  };
  const { problems } = probing;
  const whole =
    areAllPresent(sections) && ping !== undefined ? { ...sections, pingUrl: ping.url } : undefined;
  return { sections: whole, problems };
}

type AllPresent<Sections> = { readonly [Name in keyof Sections]: Exclude<Sections[Name], undefined> };

function areAllPresent<Sections extends object>(
  sections: Sections,
): sections is Sections & AllPresent<Sections> {
  return Object.values(sections).every((section) => section !== undefined);
}
