import { resolve } from 'node:path';
import { configurationOrProblems, readConfiguration } from '../app/configuration.ts';
import { backupLedger, exportLedger, LedgerStartError, replayLedger } from '../app/commands/ledger-file.ts';
import { readCommand, UsageError } from './arguments.ts';
import { printable, printableJsonText } from '../domain/printable.ts';
import type { Environment, ExitCode } from './environment.ts';
import { printError } from './output.ts';

const OPTIONS = { config: { type: 'string', short: 'c' }, after: { type: 'string' } } as const;
const ACTIONS = ['backup', 'export', 'replay'];

/** `tocsin ledger backup|export|replay`: on the file, even while a Tocsin uses it. */
export async function ledger(environment: Environment, args: readonly string[]): Promise<ExitCode> {
  const { values, positionals } = readCommand(args, OPTIONS);
  const [word = '', target, ...more] = positionals;
  if (!ACTIONS.includes(word))
    throw new UsageError(`ledger needs one of ${ACTIONS.join(', ')}; got "${word}"`);
  if ((word === 'export') !== (target === undefined) || more.length > 0) {
    throw new UsageError(
      word === 'export'
        ? 'ledger export takes no file: it writes to standard output'
        : `ledger ${word} needs one new FILE`,
    );
  }
  const config = configurationOrProblems(readConfiguration({ ...environment, file: values.config }));
  if (typeof config === 'string') {
    environment.stderr(config);
    return 2;
  }
  const file = resolve(environment.cwd, target ?? '');
  const { stdout, signal } = environment;
  try {
    if (word === 'export') await printEvents(environment, exportLedger(config, values.after));
    else if (word === 'backup') {
      await backupLedger(config, { target: file, signal });
      await stdout(`${printable(config.store.path)} is copied to ${printable(file)}\n`);
    } else {
      const summary = await replayLedger(config, { target: file, signal });
      await stdout(`${JSON.stringify(summary)}\n`);
      if (summary.unreadable > 0)
        throw new LedgerStartError(
          'Some deliveries were left out because they cannot be read; see "unreadable".',
        );
    }
    return 0;
  } catch (error) {
    if (!(error instanceof LedgerStartError)) throw error;
    printError(environment, error.message);
    return 1;
  }
}

/** Characters that are written at once. */
const CHUNK = 65_536;

/** One event a line. Waits until each part is written, so that a closed pipe or a full disk ends it. */
async function printEvents(
  { stdout, signal }: Pick<Environment, 'stdout' | 'signal'>,
  events: Iterable<{ readonly json: string }>,
): Promise<void> {
  let lines = '';
  try {
    for (const { json } of events) {
      lines += `${printableJsonText(json)}\n`;
      if (lines.length < CHUNK) continue;
      const chunk = lines;
      lines = '';
      await stdout(chunk);
      if (signal.aborted) throw new LedgerStartError('The export was stopped before its end.');
    }
  } finally {
    // also when the iteration ends with the error that some events were left out
    if (lines !== '') await stdout(lines);
  }
}
