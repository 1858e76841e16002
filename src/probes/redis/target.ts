import { hasControls } from '../net/wire-text.ts';
import type { TargetParts, TargetProblem } from '../prober.ts';

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly db: number | undefined;
}

const EXPECTED = 'expected redis://host:6379/0 or rediss://…';

/** Parses a redis:// or rediss:// URL, or returns the problem without quoting the URL, which may hold a password. */
export function parseRedisAddress(address: string): RedisAddress | TargetProblem {
  if (/[\s\\]/.test(address) || !URL.canParse(address))
    return { problem: `the address is not a URL; ${EXPECTED}` };
  const url = new URL(address);
  if (url.protocol !== 'redis:' && url.protocol !== 'rediss:') {
    return { problem: `the scheme "${url.protocol.slice(0, -1)}" is not redis or rediss; ${EXPECTED}` };
  }
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (host === '') return { problem: `the address has no host; ${EXPECTED}` };
  const db = /^\/(\d{1,5})?$/.exec(url.pathname === '' ? '/' : url.pathname);
  if (db === null) return { problem: `what follows the port is not a database number; ${EXPECTED}` };
  try {
    const [username, password] = [decoded(url.username), decoded(url.password)];
    if (hasControls(`${username ?? ''}${password ?? ''}`))
      return { problem: `user or password in the address has control characters; ${EXPECTED}` };
    return {
      host,
      port: url.port === '' ? 6379 : Number(url.port),
      tls: url.protocol === 'rediss:',
      username,
      password,
      db: db[1] === undefined ? undefined : Number(db[1]),
    };
  } catch {
    return { problem: `user or password is not percent-encoded as a URL needs it; ${EXPECTED}` };
  }
}

export function redisTarget(address: string): TargetParts | TargetProblem {
  const parts = parseRedisAddress(address);
  if ('problem' in parts) return parts;
  const { protocol, host, pathname } = new URL(address);
  return {
    label: `${protocol}//${host}${pathname === '/' && !/\/(?:[?#]|$)/.test(address) ? '' : pathname}`,
    host: parts.host,
  };
}

function decoded(text: string): string | undefined {
  return text === '' ? undefined : decodeURIComponent(text);
}
