import type { z } from 'zod';
import { nodeAt, offsetAt, toData } from '../yaml/nodes.ts';
import type { YamlNode } from '../yaml/nodes.ts';
import { schemaProblems, unknownKey } from './schema-problems.ts';
import type { SchemaProblem } from './schema-problems.ts';
import { formatPath } from '../yaml/path.ts';
import type { Path } from '../yaml/path.ts';
import { kindOf, zodMessage } from './zod-messages.ts';
import type { ConfigProblem } from './problem.ts';
import type { ParsedYaml } from '../yaml/yaml.ts';

type Shape = Readonly<Record<string, z.ZodType>>;
type Output<S extends Shape> = { readonly [Key in keyof S]: z.output<S[Key]> };

/** A mapping, as far as it could be read. */
export interface Section<S extends Shape> {
  /** All values; undefined when one of them is invalid. */
  readonly whole: Output<S> | undefined;
  /** The valid values, so that rules across keys can still be checked. */
  readonly partial: Partial<Output<S>>;
}

interface ValueOptions {
  /** Used in place of a value that is left out. */
  readonly empty?: unknown;
  /** If nothing else is wrong, receives what is valid but cannot work, instead of a problem being reported. */
  readonly unsupported?: (path: Path, message: string) => void;
}

export interface SectionOptions {
  /** Keys that are read elsewhere. */
  readonly other?: readonly string[];
  /** The message for a key that is neither in the shape nor in `other`. */
  readonly unknown?: (key: string, valid: readonly string[]) => string;
}

/** Reads values of a document against schemas, and collects all problems. */
export class ConfigReader {
  readonly #file: string;
  readonly #document: ParsedYaml;
  readonly #problems: ConfigProblem[];

  constructor(file: string, document: ParsedYaml) {
    this.#file = file;
    this.#document = document;
    this.#problems = document.problems.map(({ path, ...rest }) => ({
      file,
      path: formatPath(path),
      ...rest,
    }));
  }

  /** The problems so far, in the order of the file; those without a line come last. */
  problems(): readonly ConfigProblem[] {
    return [...this.#problems].sort((a, b) => (a.line ?? Infinity) - (b.line ?? Infinity) || 0);
  }

  /** Reports a problem, unless the value there has one already. */
  report(path: Path, message: string, at: 'key' | 'value' = 'value'): void {
    const node = this.node(path);
    if (node?.kind === 'scalar' && node.broken) return;
    this.#problems.push({ file: this.#file, ...this.locationOf(path, at), message });
  }

  /** The line and path of a problem. */
  locationOf(path: Path, at: 'key' | 'value' = 'value'): Pick<ConfigProblem, 'line' | 'path'> {
    const offset = offsetAt(this.#document.root, path, at);
    const line = offset === undefined ? {} : { line: this.#document.lineOf(offset) };
    return { ...line, path: formatPath(path) };
  }

  node(path: Path): YamlNode | undefined {
    return nodeAt(this.#document.root, path);
  }

  /** Whether there is a value: a key without one counts as left out. */
  has(path: Path): boolean {
    const node = this.node(path);
    return node !== undefined && !(node.kind === 'scalar' && node.value === null);
  }

  /** The keys of a mapping; empty for anything else. */
  keys(path: Path): readonly string[] {
    const node = this.node(path);
    return node?.kind === 'map' ? [...node.entries.keys()] : [];
  }

  /** The paths of a list's items; reports a value that is not a list. */
  items(path: Path): readonly Path[] {
    const node = this.node(path);
    if (node?.kind === 'list') return node.items.map((_, index) => [...path, index]);
    if (node !== undefined && this.has(path))
      this.report(path, `expected a list, got ${kindOf(toData(node, new Set()))}`);
    return [];
  }

  /** Reads one value; undefined when it is invalid. */
  value<T>(
    schema: z.ZodType<T>,
    path: Path,
    { empty, unsupported }: ValueOptions = {},
  ): { readonly value: T } | undefined {
    const read = this.#parse(schema, path, empty);
    if ('value' in read) return read;
    const { found } = read;
    if (unsupported !== undefined && nothingElse(found)) {
      for (const one of found) if (one.unsupported === true) unsupported([...path, ...one.path], one.message);
      return undefined;
    }
    for (const { path: inner, message, at } of found) this.report([...path, ...inner], message, at);
    return undefined;
  }

  /** The findings of a schema about one value, without reporting them. */
  problemsOf(
    schema: z.ZodType,
    path: Path,
    { empty }: Pick<ValueOptions, 'empty'> = {},
  ): readonly SchemaProblem[] {
    const read = this.#parse(schema, path, empty);
    return 'value' in read ? [] : read.found.map((one) => ({ ...one, path: [...path, ...one.path] }));
  }

  #parse<T>(
    schema: z.ZodType<T>,
    path: Path,
    empty: unknown,
  ): { readonly value: T } | { readonly found: readonly SchemaProblem[] } {
    const node = this.has(path) ? this.node(path) : undefined;
    const otherwise = new Set<YamlNode>();
    for (;;) {
      const data = node === undefined ? empty : toData(node, otherwise);
      const result = schema.safeParse(data, { error: zodMessage });
      if (result.success) return { value: result.data };
      const found = schemaProblems(schema, result.error.issues);
      const before = otherwise.size;
      for (const node of found.flatMap((one) => this.#replaceable(path, one))) otherwise.add(node);
      if (otherwise.size === before) return { found };
    }
  }

  /** Scalars at a path that have another reading: an expanded `42` as the number, a null as nothing. */
  #replaceable(base: Path, { path, mismatch = false }: SchemaProblem): YamlNode[] {
    const node = mismatch ? this.node([...base, ...path]) : undefined;
    return node?.kind === 'scalar' && node.alternatives.length > 0 ? [node] : [];
  }

  /** Reads a mapping key by key, so that one invalid value does not hide problems in others. */
  section<S extends Shape>(shape: S, path: Path, options: SectionOptions = {}): Section<S> {
    const { other = [], unknown = unknownKey } = options;
    const node = this.node(path);
    if (node !== undefined && node.kind !== 'map' && this.has(path)) {
      this.report(path, `expected a mapping (key: value), got ${kindOf(toData(node, new Set()))}`);
      return { whole: undefined, partial: {} };
    }
    const valid = [...Object.keys(shape), ...other];
    for (const key of this.keys(path)) {
      if (!valid.includes(key)) this.report([...path, key], unknown(key, valid), 'key');
    }
    const partial: Record<string, unknown> = {};
    let complete = true;
    for (const [key, schema] of Object.entries(shape)) {
      const read = this.value(schema, [...path, key]);
      if (read === undefined) complete = false;
      else partial[key] = read.value;
    }
    return { whole: complete ? (partial as Output<S>) : undefined, partial: partial as Partial<Output<S>> };
  }
}

/** Whether each finding is about something unsupported, or about a mapping that is incomplete because of such a key. */
function nothingElse(found: readonly SchemaProblem[]): boolean {
  const places = found
    .filter(({ unsupported = false }) => unsupported)
    .map(({ path }) => JSON.stringify(path.slice(0, -1)));
  return (
    places.length > 0 &&
    found.every(({ unsupported = false, path }) => unsupported || places.includes(JSON.stringify(path)))
  );
}
