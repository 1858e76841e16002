/**
 * Parses the answer of INFO: `field:value` lines under `# Section` headings, separated by CRLF. Other lines are
 * ignored.
 * @see https://redis.io/docs/latest/commands/info/
 */
export function parseInfo(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(':');
    if (colon > 0 && !line.startsWith('#')) fields.set(line.slice(0, colon), line.slice(colon + 1));
  }
  return fields;
}

/** A field that is a whole, non-negative number; undefined when it is missing or invalid. */
export function infoNumber(info: ReadonlyMap<string, string>, field: string): number | undefined {
  const text = info.get(field) ?? '';
  return /^\d{1,16}$/.test(text) ? Number(text) : undefined;
}
