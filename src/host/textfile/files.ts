import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf } from '../errno.ts';

/** The files found, sorted, and the folders that could not be read, with the reason. */
export interface TextfileListing {
  readonly files: readonly string[];
  readonly failures: ReadonlyMap<string, string>;
}

const EXTENSION = '.prom';

/** Finds the `*.prom` files in folders; a folder may be a pattern with `*`, `?` and `[…]`, which match no slash. */
export async function listTextfiles(patterns: readonly string[]): Promise<TextfileListing> {
  const files = new Set<string>();
  const failures = new Map<string, string>();
  for (const pattern of patterns) {
    const folders = await expand(pattern);
    // A pattern that matches nothing is probably a mistake: it is reported like a folder that does not exist.
    for (const folder of folders.length === 0 ? [pattern] : folders) {
      try {
        const names = await readdir(folder);
        for (const name of names) if (name.endsWith(EXTENSION)) files.add(join(folder, name));
      } catch (error) {
        if (codeOf(error) === 'ENOTDIR' && folder.endsWith(EXTENSION)) files.add(folder);
        else failures.set(folder, String(error).replace(/^Error: /, ''));
      }
    }
  }
  return { files: [...files].sort(), failures };
}

const MAGIC = /[*?[]/;

async function expand(pattern: string): Promise<string[]> {
  if (!MAGIC.test(pattern)) return [pattern];
  const folder = dirname(pattern);
  const last = pattern.slice(folder.length).replace(/^\//, '');
  const parents = await expand(folder);
  const matches = toRegExp(last);
  const found = await Promise.all(
    parents.map(async (parent) => {
      const names = await readdir(parent).catch(() => []);
      return names.filter((name) => matches.test(name)).map((name) => join(parent, name));
    }),
  );
  return found.flat().sort();
}

/** One segment of a pattern; `[` without its end is literal. */
function toRegExp(segment: string): RegExp {
  const source = segment.replace(/\*+|\?|\[\^?[^\]]+\]|[\s\S]/g, (part) => {
    if (part.startsWith('*')) return '[^/]*';
    if (part === '?') return '[^/]';
    if (part.length > 1) return part.replace(/\\/g, '\\\\').replace(/(?<=.)\[/g, '\\[');
    return part.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
  });
  return new RegExp(`^${source}$`, 'u');
}
