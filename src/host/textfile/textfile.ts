import { lstat, stat, type FileHandle } from 'node:fs/promises';
import { openRegularFile } from '../../domain/regular-file.ts';
import { defineFamily, sample, type Sample } from '../../metrics/family.ts';
import {
  CollectorError,
  type Collector,
  type CollectorInstance,
  type CollectorOptions,
} from '../collector.ts';
import { codeOf } from '../errno.ts';
import { TimeSlice } from '../time-slice.ts';
import { listTextfiles, type TextfileListing } from './files.ts';
import { TextfileError } from './line.ts';
import { lineNames, TextfileNames } from './names.ts';
import { TextfileParser, type TextFamily } from './parser.ts';

const modified = defineFamily(
  'gauge',
  'node_textfile_mtime_seconds',
  'Unixtime mtime of textfiles successfully read.',
  ['file'],
);
const scrapeError = defineFamily(
  'gauge',
  'node_textfile_scrape_error',
  '1 if there was an error opening or reading a file, 0 otherwise; the log names the file.',
);

/** Metrics that other programs wrote to files. */
export const textfile: Collector = {
  name: 'textfile',
  families: [modified, scrapeError],
  create: (options) => new TextfileCollector(options),
};

/** No one writes a larger file by hand or by script; a dump by mistake is larger. */
const MAX_BYTES = 8 * 2 ** 20;

const REJECTED = 'textfile rejected';

/** The parts of a file or folder that are not exposed. */
interface FileProblem {
  /** For the log. */
  readonly message: typeof REJECTED | 'textfile served in part';
  readonly leftOut: readonly TextfileError[];
}

/** The last reading of a file; it is read again after it was written to. */
interface ReadFile {
  readonly version: string;
  readonly mtimeSeconds: number;
  readonly content: readonly TextFamily[] | TextfileError;
}

class TextfileCollector implements CollectorInstance {
  readonly #options: CollectorOptions;
  readonly #reserved: ReadonlyMap<string, string>;
  /** The last reported problem of each file or folder. */
  readonly #loggedProblems = new Map<string, string>();
  #read: ReadonlyMap<string, ReadFile> = new Map();
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
    const read = new Map<string, ReadFile>();
    for (const file of listing.files) {
      if (signal.aborted) throw new CollectorError('the scrape ended before all textfiles were read');
      const version = await readFile(file, before.get(file), new TimeSlice(this.#options.clock));
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
    const folders = [...this.#loggedProblems.keys()].filter((path) => !this.#read.has(path));
    return folders.length === failures.size && folders.every((path) => failures.has(path));
  }

  #compose({ failures }: TextfileListing): Sample[] {
    const names = new TextfileNames(this.#reserved);
    const problems = new Map(
      [...failures].map(([folder, why]) => [folder, rejected(new TextfileError(undefined, why))]),
    );
    const served: Sample[] = [];
    for (const [file, { content, mtimeSeconds }] of this.#read) {
      if (content instanceof TextfileError) {
        problems.set(file, rejected(content));
        continue;
      }
      served.push(sample(modified, mtimeSeconds, { file }));
      const leftOut = [...content.flatMap((family) => family.problems), ...names.add(file, content)];
      if (leftOut.length > 0) problems.set(file, { message: 'textfile served in part', leftOut });
    }
    this.#logProblems(problems);
    const failed = [...problems.values()].some(({ message }) => message === REJECTED);
    return [...names.samples(), ...served, sample(scrapeError, failed ? 1 : 0)];
  }

  /** Logs each problem once, and its end. */
  #logProblems(problems: ReadonlyMap<string, FileProblem>): void {
    const { log } = this.#options;
    for (const file of this.#loggedProblems.keys()) {
      if (problems.has(file)) continue;
      this.#loggedProblems.delete(file);
      log.info({ file }, 'textfile is valid again or removed');
    }
    for (const [file, { message, leftOut }] of problems) {
      const [first] = leftOut;
      const text = `${message} ${leftOut.length} ${first?.line ?? ''} ${first?.message ?? ''}`;
      if (this.#loggedProblems.get(file) === text) continue;
      this.#loggedProblems.set(file, text);
      const line = first?.line === undefined ? {} : { line: first.line };
      const count = message === REJECTED ? {} : { left_out: leftOut.length };
      log.warn({ file, ...line, ...count, reason: first?.message }, message);
    }
  }
}

function rejected(error: TextfileError): FileProblem {
  return { message: REJECTED, leftOut: [error] };
}

/** Undefined for a file that was removed since it was listed. */
async function readFile(
  file: string,
  known: ReadFile | undefined,
  pace: TimeSlice,
): Promise<ReadFile | undefined> {
  try {
    const listed = await stat(file);
    if (known?.version === versionOf(listed)) return known;
    if (!listed.isFile()) throw new TextfileError(undefined, 'is not a regular file');
    const handle = await openRegularFile(file);
    try {
      return await readHandle(handle, pace);
    } finally {
      await handle.close();
    }
  } catch (error) {
    const why = codeOf(error) === 'ENOENT' ? await whyMissing(file) : asTextfileError(error);
    return why && { version: '', mtimeSeconds: 0, content: why };
  }
}

/** Why a file that was listed cannot be found by its name; undefined when it was removed since. */
async function whyMissing(file: string): Promise<TextfileError | undefined> {
  if (file.includes('\uFFFD'))
    return new TextfileError(undefined, 'has a name that is not UTF-8; expected another name');
  return lstat(file).then(
    () => new TextfileError(undefined, 'is a link to a file that does not exist'),
    () => undefined,
  );
}

async function readHandle(handle: FileHandle, pace: TimeSlice): Promise<ReadFile> {
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

/** Changes whenever a file is written to, in place or replaced. */
function versionOf({ dev, ino, size, mtimeMs, ctimeMs }: Awaited<ReturnType<typeof stat>>): string {
  return [dev, ino, size, mtimeMs, ctimeMs].join(' ');
}

function asTextfileError(error: unknown): TextfileError {
  return error instanceof TextfileError
    ? error
    : new TextfileError(undefined, `cannot be read: ${String(error).replace(/^Error: /, '')}`);
}

async function parse(bytes: Buffer, pace: TimeSlice): Promise<TextFamily[]> {
  const text = decode(bytes);
  const parser = new TextfileParser();
  let at = 0;
  for (let line = 1; at < text.length; line += 1) {
    const end = text.indexOf('\n', at);
    if (end === -1)
      throw new TextfileError(
        line,
        'the last line is incomplete: is it still being written? Write to another file and rename it',
      );
    parser.take(text.slice(at, end));
    at = end + 1;
    await pace.yieldIfSpent();
  }
  return parser.end();
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new TextfileError(undefined, 'is not valid UTF-8');
  }
}
