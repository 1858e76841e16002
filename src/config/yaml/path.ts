/** The place of a value in a document: keys of mappings and indexes of lists, from the root. */
export type Path = readonly (string | number)[];

const PLAIN_KEY = /^[\w-]+$/;

/** Formats a path as `services[2].http.method`; keys that need it are quoted: `labels["a b"]`. */
export function formatPath(path: Path): string {
  return path.reduce<string>((text, segment) => {
    if (typeof segment === 'number') return `${text}[${segment}]`;
    if (!PLAIN_KEY.test(segment)) return `${text}[${JSON.stringify(segment)}]`;
    return text === '' ? segment : `${text}.${segment}`;
  }, '');
}
