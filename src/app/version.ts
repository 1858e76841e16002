import { readFileSync } from 'node:fs';

/** The version in package.json, which is beside the folder of the built code. */
export function readVersion(codeUrl: URL): string {
  const parsed: unknown = JSON.parse(readFileSync(new URL('../package.json', codeUrl), 'utf8'));
  if (typeof parsed === 'object' && parsed !== null && 'version' in parsed) return String(parsed.version);
  return 'unknown';
}
