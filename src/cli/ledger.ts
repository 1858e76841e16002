import { resolve } from 'node:path';
import { configurationOrProblems, readConfiguration } from '../app/configuration.ts';
import { backupLedger, exportLedger, LedgerStartError, replayLedger } from '../app/ledger-file.ts';
import { readCommand, UsageError } from './arguments.ts';
import type { Environment, ExitCode } from './environment.ts';

const OPTIONS = { config: { type: 'string', short: 'c' }, after: { type: 'string' } } as const;
const WORDS = ['backup', 'export', 'replay'];

/** `tocsin ledger backup|export|replay`: on the file, also while a Tocsin runs on it. */
export async function ledger(environment: Environment, args: readonly string[]): Promise<ExitCode> {
  const { values, positionals } = readCommand(args, OPTIONS);
  const [word = '', target, ...more] = positionals;
  if (!WORDS.includes(word))
    throw new UsageError(`ledger wants one of ${WORDS.join(', ')}; it was given "${word}"`);
  if ((word === 'export') !== (target === undefined) || more.length > 0) {
    throw new UsageError(
      word === 'export' ? 'ledger export takes no file: it prints' : `ledger ${word} wants one new FILE`,
    );
  }
  const config = configurationOrProblems(readConfiguration({ ...environment, file: values.config }));
  if (typeof config === 'string') {
    environment.stderr(config);
    return 2;
  }
  const file = resolve(environment.cwd, target ?? '');
  try {
    if (word === 'export') {
      for (const event of exportLedger(config, values.after))
        environment.stdout(`${JSON.stringify(event)}\n`);
    } else if (word === 'backup') {
      await backupLedger(config, file);
      environment.stdout(`${config.store.path} is copied to ${file}\n`);
    } else {
      environment.stdout(`${JSON.stringify(await replayLedger(config, file))}\n`);
    }
    return 0;
  } catch (error) {
    if (!(error instanceof LedgerStartError)) throw error;
    environment.stderr(`tocsin: ${error.message}\n`);
    return 1;
  }
}
