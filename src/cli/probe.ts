import { configurationOrProblems, readConfiguration } from '../app/configuration.ts';
import { probeOnce } from '../app/commands/probe-once.ts';
import { systemClock } from '../domain/clock.ts';
import { readCommand, UsageError } from './arguments.ts';
import type { Environment, ExitCode } from './environment.ts';
import { printError } from './output.ts';
import { reportJson, reportText } from './probe-report.ts';

const OPTIONS = {
  config: { type: 'string', short: 'c' },
  module: { type: 'string', short: 'm', default: 'http_2xx' },
  json: { type: 'boolean', default: false },
} as const;

/** `tocsin probe`: one run of a module, with its phases, certificates, log and metrics. */
export async function probe(environment: Environment, args: readonly string[]): Promise<ExitCode> {
  const { values, positionals } = readCommand(args, OPTIONS);
  const [target, ...more] = positionals;
  if (target === undefined || more.length > 0)
    throw new UsageError(`probe needs one target, such as https://example.com; got ${positionals.length}`);
  const config = configurationOrProblems(readConfiguration({ ...environment, file: values.config }));
  if (typeof config === 'string') {
    environment.stderr(config);
    return 2;
  }
  const { module } = values;
  const report = await probeOnce({
    config,
    module,
    target,
    clock: systemClock,
    codeUrl: environment.codeUrl,
    signal: environment.signal,
  });
  if (typeof report === 'string') {
    printError(environment, report);
    return 2;
  }
  await environment.stdout(values.json ? reportJson(report) : reportText(report));
  return report.result.verdict.status === 'success' ? 0 : 1;
}
