import { isIP } from 'node:net';

/** The content of the hosts file: lower-case names and their addresses, in the order of the file. */
export type Hosts = ReadonlyMap<string, readonly string[]>;

/**
 * Parses a hosts file; invalid lines are ignored.
 * @see hosts(5)
 */
export function parseHosts(text: string): Hosts {
  const hosts = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    const plain = address.replace(/%.*$/, '');
    if (isIP(plain) === 0) continue;
    for (const name of names) {
      const key = name.toLowerCase();
      const known = hosts.get(key);
      if (known === undefined) hosts.set(key, [plain]);
      else if (!known.includes(plain)) known.push(plain);
    }
  }
  return hosts;
}

/** How short names are completed. */
export interface SearchRules {
  readonly domains: readonly string[];
  readonly ndots: number;
}

/**
 * Parses `search`, `domain` and `ndots` of a resolv.conf; the last of the first two wins.
 * @see resolv.conf(5)
 */
export function parseSearchRules(text: string): SearchRules {
  let domains: readonly string[] = [];
  let ndots = 1;
  for (const line of text.split('\n')) {
    const [key, ...values] = line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/);
    if (key === 'search') domains = values;
    if (key === 'domain') domains = values.slice(0, 1);
    if (key !== 'options') continue;
    const given = /^ndots:(\d{1,2})$/.exec(values.find((value) => value.startsWith('ndots:')) ?? '')?.[1];
    if (given !== undefined) ndots = Math.min(Number(given), 15);
  }
  return {
    domains: domains.map((domain) => domain.replace(/\.$/, '')).filter((domain) => domain !== ''),
    ndots,
  };
}

/** The full names to look up, in order: with enough dots the name as it is first, otherwise a completed one first. */
export function candidates(name: string, rules: SearchRules): readonly string[] {
  if (name.endsWith('.')) return [name.slice(0, -1)];
  const completed = rules.domains.map((domain) => `${name}.${domain}`);
  const dots = name.split('.').length - 1;
  return dots >= rules.ndots ? [name, ...completed] : [...completed, name];
}
