import { readVersion } from '../app/version.ts';
import { alerts } from './alerts.ts';
import { UsageError } from './arguments.ts';
import { check } from './check.ts';
import type { Environment, ExitCode } from './environment.ts';
import { printError, isSystemError, OutputError } from './output.ts';
import { ledger } from './ledger.ts';
import { probe } from './probe.ts';
import { serve } from './serve.ts';

type Command = (environment: Environment, args: readonly string[]) => ExitCode | Promise<ExitCode>;

const COMMANDS: Readonly<Record<string, Command>> = Object.freeze({ serve, check, probe, alerts, ledger });

const USAGE = `Usage: tocsin [COMMAND] [OPTIONS]

  serve   runs Tocsin (the default)
            --config FILE        default: ./tocsin.yml if it exists, else built-in defaults
            --listen HOST:PORT   instead of server.listen; port 0 picks a free one
            --log-level LEVEL    debug, info (default), warn, error or silent
  check   lists every problem of a configuration
            --config FILE
  probe   runs a module against a TARGET once: phases, certificates, log, metrics, verdict
            --module M           default: http_2xx
            --config FILE        whose probe_endpoint.modules_file lists the modules
            --json               prints JSON
  alerts  list, ack ID or unack ID, of a running Tocsin
            --url URL            default: http://127.0.0.1:10464
            --token-file FILE    with the scope ack (list: read), where tokens are configured
            --state STATE        list: open (default), closed or all
            --limit N --after PLACE   list: how many (1000), and where to continue
            --by NAME --comment TEXT --expires 2h   ack: who, why, until when
            --json               prints JSON
  ledger  backup FILE, export or replay FILE, also while Tocsin runs
            --config FILE        that sets store.path
            --after ID           export: only the events after this one

  --help, --version
`;

/** Runs the command that the arguments name. */
export async function run(environment: Environment): Promise<ExitCode> {
  try {
    return await runCommand(environment);
  } catch (error) {
    if (error instanceof UsageError) {
      printError(environment, error.message);
      environment.stderr(`\n${USAGE}`);
      return 2;
    }
    if (!(error instanceof OutputError) && !isSystemError(error)) throw error;
    if (!(error instanceof OutputError && error.readerGone)) printError(environment, error.message);
    return 1;
  }
}

async function runCommand(environment: Environment): Promise<ExitCode> {
  const [first = 'serve', ...rest] = environment.argv;
  if (environment.argv.includes('--help') || first === 'help') {
    await environment.stdout(USAGE);
    return 0;
  }
  if (first === '--version') {
    await environment.stdout(`tocsin ${readVersion(environment.codeUrl)}\n`);
    return 0;
  }
  const named = first.startsWith('-') ? undefined : first;
  const command = Object.hasOwn(COMMANDS, named ?? 'serve') ? COMMANDS[named ?? 'serve'] : undefined;
  if (command === undefined) {
    throw new UsageError(`unknown command "${first}"; expected one of ${Object.keys(COMMANDS).join(', ')}`);
  }
  return command(environment, named === undefined ? environment.argv : rest);
}
