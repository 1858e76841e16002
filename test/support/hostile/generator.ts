import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A program of this folder that generates load, in a separate process. */
export interface Generator<Counts> {
  /** What follows `ready` in its first line. */
  readonly ready: readonly string[];
  /** Sends it a line; returns the next line that it prints. */
  ask(line: string): Promise<string>;
  /** Sends it a line that it does not answer. */
  tell(line: string): void;
  /** Ends it; returns the counts that it prints as its last line. */
  stop(): Promise<Counts>;
}

/** Starts a program that prints `ready`, and its counts as JSON when its standard input ends. */
export async function startGenerator<Counts>(
  file: URL,
  args: readonly (string | number)[] = [],
): Promise<Generator<Counts>> {
  const program = fileURLToPath(file);
  const child = spawn(process.execPath, [program, ...args.map(String)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  const lines = createInterface({ input: child.stdout });
  const nextLine = async () => {
    const [line] = (await Promise.race([
      once(lines, 'line'),
      closed.then(() => {
        throw new Error(`${program} ended`);
      }),
    ])) as [string];
    return line;
  };
  const [word, ...ready] = (await nextLine()).split(' ');
  if (word !== 'ready') throw new Error(`${program} printed "${word}"; expected "ready"`);
  return {
    ready,
    ask: (line) => {
      const answer = nextLine();
      child.stdin.write(`${line}\n`);
      return answer;
    },
    tell: (line) => void child.stdin.write(`${line}\n`),
    stop: async () => {
      const last = nextLine();
      child.stdin.end();
      const counts = JSON.parse(await last) as Counts;
      await closed;
      return counts;
    },
  };
}
