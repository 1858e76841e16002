import { open, stat, type FileHandle } from 'node:fs/promises';
import { sample, type Family, type Sample } from '../metrics/family.ts';
import {
  CollectorError,
  type Collector,
  type CollectorInstance,
  type CollectorOptions,
} from './collector.ts';
import { codeOf } from './errno.ts';
import { Pace } from './pace.ts';
import { listTextfiles, type TextfileListing } from './textfile-files.ts';
import { TextfileError } from './textfile-line.ts';
import { lineNames, TextfileNames, type Declared } from './textfile-names.ts';
import { TextfileParser, type TextFamily } from './textfile-parser.ts';

const modified: Family = {
  name: 'node_textfile_mtime_seconds',
  type: 'gauge',
  help: 'When the textfile was last written, seconds since the epoch; of those that are served.',
  labels: ['file'],
};
const scrapeError: Family = {
  name: 'node_textfile_scrape_error',
  type: 'gauge',
  help: '1 when a textfile was rejected or a folder could not be read, else 0; the log says which.',
  labels: [],
};

/** Metrics that other programs wrote into files. */
export const textfile: Collector = {
  name: 'textfile',
  families: [modified, scrapeError],
  create: (options) => new TextfileCollector(options),
};

/** Nobody writes more by hand or by script; a dump by mistake is larger. */
const MAX_BYTES = 8 * 2 ** 20;

/** A file as it was read last; it is read again when it was written since. */
interface Read {
  readonly version: string;
  readonly mtimeSeconds: number;
  readonly content: readonly TextFamily[] | TextfileError;
}

class TextfileCollector implements CollectorInstance {
  readonly #options: CollectorOptions;
  readonly #reserved: ReadonlyMap<string, string>;
  readonly #declared: Declared = new Map();
  /** What was told last of each file or folder that was not served. */
  readonly #told = new Map<string, string>();
  #read: ReadonlyMap<string, Read> = new Map();
  #samples: readonly Sample[] = [];

  constructor(options: CollectorOptions) {
    this.#options = options;
    this.#reserved = new Map(
      options.reserved.flatMap((family) => lineNames(family).map((name) => [name, family.name] as const)),
    );
  }

  async collect(signal: AbortSignal): Promise<readonly Sample[]> {
    const listing = await listTextfiles(this.#options.textfile);
    const before = this.#read;
    const read = new Map<string, Read>();
    for (const file of listing.files) {
      if (signal.aborted) throw new CollectorError('the scrape ended before all textfiles were read');
      const version = await readFile(file, before.get(file), new Pace(this.#options.clock));
      if (version !== undefined) read.set(file, version);
    }
    this.#read = read;
    const unchanged = read.size === before.size && [...read].every(([file, of]) => before.get(file) === of);
    if (!unchanged || this.#samples.length === 0 || !this.#sameFailures(listing)) {
      this.#samples = this.#compose(listing);
    }
    return this.#samples;
  }

  #sameFailures({ failures }: TextfileListing): boolean {
    const folders = [...this.#told.keys()].filter((path) => !this.#read.has(path));
    return folders.length === failures.size && folders.every((path) => failures.has(path));
  }

  #compose({ failures }: TextfileListing): Sample[] {
    const names = new TextfileNames(this.#reserved, this.#declared);
    const problems = new Map(
      [...failures].map(([folder, why]) => [folder, new TextfileError(undefined, why)]),
    );
    const served: Sample[] = [];
    for (const [file, { content, mtimeSeconds }] of this.#read) {
      const problem = content instanceof TextfileError ? content : problemOf(() => names.add(file, content));
      if (problem !== undefined) problems.set(file, problem);
      else served.push(sample(modified, mtimeSeconds, { file }));
    }
    this.#tell(problems);
    return [...names.samples(), ...served, sample(scrapeError, problems.size === 0 ? 0 : 1)];
  }

  /** Each problem once, and when it is over. */
  #tell(problems: ReadonlyMap<string, TextfileError>): void {
    const { log } = this.#options;
    for (const file of this.#told.keys()) {
      if (problems.has(file)) continue;
      this.#told.delete(file);
      log.info({ file }, 'textfile is served again, or gone');
    }
    for (const [file, { line, message }] of problems) {
      const text = `${line ?? ''} ${message}`;
      if (this.#told.get(file) === text) continue;
      this.#told.set(file, text);
      log.warn({ file, ...(line !== undefined && { line }), reason: message }, 'textfile rejected');
    }
  }
}

function problemOf(attempt: () => void): TextfileError | undefined {
  try {
    attempt();
    return undefined;
  } catch (error) {
    if (error instanceof TextfileError) return error;
    throw error;
  }
}

/** Undefined for a file that is gone since it was listed. */
async function readFile(file: string, known: Read | undefined, pace: Pace): Promise<Read | undefined> {
  try {
    const listed = await stat(file);
    if (known?.version === versionOf(listed)) return known;
    // To open a pipe is to wait for whoever writes to it.
    if (!listed.isFile()) throw new TextfileError(undefined, 'is no plain file');
    const handle = await open(file, 'r');
    try {
      return await readHandle(handle, pace);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    return { version: '', mtimeSeconds: 0, content: asTextfileError(error) };
  }
}

async function readHandle(handle: FileHandle, pace: Pace): Promise<Read> {
  const stats = await handle.stat();
  const read = { version: versionOf(stats), mtimeSeconds: Math.floor(stats.mtimeMs / 1_000) };
  try {
    if (stats.size > MAX_BYTES)
      throw new TextfileError(undefined, `has ${stats.size} bytes; expected at most ${MAX_BYTES}`);
    return { ...read, content: await parse(await handle.readFile(), pace) };
  } catch (error) {
    return { ...read, content: asTextfileError(error) };
  }
}

/** A file that was written to has another one, in place or replaced. */
function versionOf({ dev, ino, size, mtimeMs, ctimeMs }: Awaited<ReturnType<typeof stat>>): string {
  return [dev, ino, size, mtimeMs, ctimeMs].join(' ');
}

function asTextfileError(error: unknown): TextfileError {
  return error instanceof TextfileError
    ? error
    : new TextfileError(undefined, `cannot be read: ${String(error).replace(/^Error: /, '')}`);
}

async function parse(bytes: Buffer, pace: Pace): Promise<TextFamily[]> {
  const text = decode(bytes);
  const parser = new TextfileParser();
  let at = 0;
  for (let line = 1; at < text.length; line += 1) {
    const end = text.indexOf('\n', at);
    if (end === -1)
      throw new TextfileError(
        line,
        'the last line does not end: is it still being written? Write another file and rename it',
      );
    parser.take(text.slice(at, end));
    at = end + 1;
    await pace.breathe();
  }
  return parser.end();
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new TextfileError(undefined, 'is no text in UTF-8');
  }
}
