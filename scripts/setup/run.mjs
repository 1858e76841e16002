import { spawn } from 'node:child_process';

const TAIL_LINES = 40;

/**
 * Runs a command without its output, unless it fails: then prints the end of the output, and what to do. Signals that
 * stop the set-up also stop the command.
 */
export async function runQuietly({ lock, cwd, command, args, advice }) {
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  if (child.pid !== undefined) lock.working(child.pid);
  const output = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => output.push(chunk));
  const forget = stopWith(child, lock);
  const problem = await outcome(child);
  forget();
  if (problem === undefined) return;
  const lines = Buffer.concat(output).toString('utf8').trimEnd().split('\n').slice(-TAIL_LINES);
  throw new Error([`\`${command} ${args.join(' ')}\` ${problem}:`, ...lines, '', ...advice].join('\n'));
}

function outcome(child) {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(`could not be started (${error.code ?? error.message})`));
    child.once('close', (code, signal) => {
      resolve(code === 0 ? undefined : `ended with ${signal ?? `exit code ${code}`}`);
    });
  });
}

function stopWith(child, lock) {
  const stop = (signal) => {
    child.kill('SIGTERM');
    child.once('close', () => {
      lock.release();
      process.exit(signal === 'SIGINT' ? 130 : 143);
    });
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  return () => {
    process.off('SIGTERM', stop);
    process.off('SIGINT', stop);
  };
}
