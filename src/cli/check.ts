import {
  configurationOrProblems,
  noticesText,
  readConfiguration,
  withTargetsFiles,
} from '../app/configuration.ts';
import { readOptions } from './arguments.ts';
import type { Environment, ExitCode } from './environment.ts';

/** `tocsin check`: prints every problem of a configuration, and changes nothing. */
export async function check(environment: Environment, args: readonly string[]): Promise<ExitCode> {
  const options = readOptions(args, { config: { type: 'string', short: 'c' } });
  const read = readConfiguration({ ...environment, file: options.config });
  const { result, notices } = withTargetsFiles(read);
  const config = configurationOrProblems(result);
  if (typeof config === 'string') {
    environment.stderr(config);
    return 2;
  }
  const targets = config.services.reduce((sum, service) => sum + service.targets.length, 0);
  await environment.stdout(
    `${noticesText(config, notices)}${config.file ?? 'built-in defaults'}: valid; ${config.services.length} services, ${targets} targets, ` +
      `${config.webhooks.length} webhooks\n`,
  );
  return 0;
}
