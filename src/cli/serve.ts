import { startApp, StartError, type App } from '../app/app.ts';
import { tuneHeap } from '../app/heap.ts';
import { configurationOrProblems, readConfiguration } from '../app/configuration.ts';
import { LOG_LEVELS, type LogLevel } from '../app/logging.ts';
import { firstOf, onAbort } from '../domain/cancellation.ts';
import { systemClock } from '../domain/clock.ts';
import { readOptions, UsageError } from './arguments.ts';
import type { Environment, ExitCode } from './environment.ts';
import { printError } from './output.ts';

const OPTIONS = {
  config: { type: 'string', short: 'c' },
  listen: { type: 'string' },
  'log-level': { type: 'string', default: 'info' },
} as const;

/** `tocsin serve`: runs until it is stopped. */
export async function serve(environment: Environment, args: readonly string[]): Promise<ExitCode> {
  const { config: file, listen, 'log-level': levelText } = readOptions(args, OPTIONS);
  const level = logLevel(levelText);
  const readConfig = () => readConfiguration({ ...environment, file, listen });
  const config = configurationOrProblems(readConfig());
  if (typeof config === 'string') {
    environment.stderr(config);
    return 2;
  }
  const { codeUrl, nodeVersion, terminal } = environment;
  let app: App;
  try {
    const log = { level, pretty: terminal, stream: environment.logStream };
    tuneHeap();
    app = await startApp({ config, readConfig, clock: systemClock, codeUrl, nodeVersion, log });
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    printError(environment, error.message);
    return 1;
  }
  environment.onReload(() => void app.reload());
  await firstOf((happened) => onAbort(environment.signal, happened));
  await app.stop();
  return 0;
}

function logLevel(text: string): LogLevel {
  const level = LOG_LEVELS.find((one) => one === text);
  if (level === undefined)
    throw new UsageError(`--log-level is "${text}"; expected one of ${LOG_LEVELS.join(', ')}`);
  return level;
}
