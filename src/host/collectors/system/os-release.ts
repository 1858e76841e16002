const ASSIGNMENT = /^\s*([A-Za-z_][A-Za-z0-9_]*)=(.*?)\s*$/;
const QUOTED = /^"((?:[^"\\]|\\.)*)"$/s;

/**
 * Reads the assignments of an os-release file; invalid lines are left out.
 * @see https://www.freedesktop.org/software/systemd/man/latest/os-release.html
 */
export function parseOsRelease(text: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, key, value] = ASSIGNMENT.exec(line) ?? [];
    if (key !== undefined && value !== undefined) values.set(key, unquote(value));
  }
  return values;
}

/** As a shell does: text in single quotes is literal, elsewhere a backslash makes the next character literal. */
function unquote(value: string): string {
  const [, single] = /^'([^']*)'$/.exec(value) ?? [];
  if (single !== undefined) return single;
  const [, double] = QUOTED.exec(value) ?? [];
  return (double ?? value).replace(/\\(.)/gs, '$1');
}
