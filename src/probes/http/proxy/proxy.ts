import { BlockList, isIP, type Socket } from 'node:net';
import type { Secret } from '../../../domain/secret.ts';
import { fail, ProbeFailure } from '../../net/failure.ts';
import { brokenConnection } from '../../net/socket-errors.ts';
import { portOf, type WebUrl } from '../../net/web-url.ts';
import { requireHostText } from '../../net/wire-text.ts';
import { basicAuthorization } from '../auth/auth.ts';
import { HeadReader } from '../http1/head.ts';

/** Selects the proxy of each request. */
export interface ProxyRules {
  /** For `http` targets. */
  readonly http: URL | undefined;
  /** For `https` targets. */
  readonly https: URL | undefined;
  /** Undefined: no exceptions. Otherwise the listed ones, `localhost` and loopback addresses. */
  readonly except: NoProxy | undefined;
  /** Headers sent with each CONNECT. */
  readonly connectHeaders: readonly (readonly [name: string, value: Secret])[];
  /** Whether the proxy resolves the target's name. */
  readonly resolvesTarget: boolean;
}

/**
 * The proxy for a request; undefined for a direct connection.
 * @param address the target's, if it was resolved
 */
export function proxyFor(rules: ProxyRules, to: WebUrl, address: string | undefined): URL | undefined {
  const proxy = to.scheme === 'https' ? rules.https : rules.http;
  if (proxy === undefined || rules.except === undefined) return proxy;
  const direct = [to.host, address].some((one) => one !== undefined && rules.except?.covers(one, portOf(to)));
  return direct ? undefined : proxy;
}

const DEFAULT_PORTS: ReadonlyMap<string, number> = new Map([
  ['http:', 80],
  ['https:', 443],
  ['socks5:', 1_080],
  ['socks5h:', 1_080],
]);

/** A proxy's URL; undefined when it is invalid or cannot be used. Without a scheme it is `http://`. */
export function parseProxyUrl(text: string): URL | undefined {
  const withScheme = text.includes('://') ? text : `http://${text}`;
  if (!URL.canParse(withScheme)) return undefined;
  const url = new URL(withScheme);
  const usable = DEFAULT_PORTS.has(url.protocol) && url.hostname !== '' && isDecodable(url);
  return usable ? url : undefined;
}

/** Whether user and password can be decoded: a `%` in them has to be written `%25`. */
function isDecodable({ username, password }: URL): boolean {
  try {
    decodeURIComponent(username);
    decodeURIComponent(password);
    return true;
  } catch {
    return false;
  }
}

export function proxyPort(proxy: URL): number {
  return proxy.port === '' ? (DEFAULT_PORTS.get(proxy.protocol) ?? 0) : Number(proxy.port);
}

export function proxyAuthorization(proxy: URL): Secret | undefined {
  if (proxy.username === '' && proxy.password === '') return undefined;
  return basicAuthorization(decodeURIComponent(proxy.username), decodeURIComponent(proxy.password));
}

/**
 * A `no_proxy` list: `*`, addresses, CIDR, names including their subdomains, `.name` for subdomains only; each with or
 * without `:port`.
 */
export class NoProxy {
  readonly #everything: boolean;
  readonly #names: readonly { readonly name: string; readonly port: number | undefined }[];
  readonly #networks: readonly { readonly list: BlockList; readonly port: number | undefined }[];

  constructor(text: string) {
    const entries = text
      .split(',')
      .map((entry) => entry.trim().toLowerCase())
      .filter((entry) => entry !== '');
    this.#everything = entries.includes('*');
    const networks = entries.map(readNetwork);
    this.#networks = networks.filter((entry) => entry !== undefined);
    this.#names = entries.filter((_entry, i) => networks[i] === undefined).map(readName);
  }

  covers(host: string, port: number): boolean {
    const family = isIP(host) === 6 ? 'ipv6' : 'ipv4';
    if (this.#everything || host === 'localhost' || isLoopback(host)) return true;
    const fits = (entry: { readonly port: number | undefined }): boolean =>
      entry.port === undefined || entry.port === port;
    if (isIP(host) !== 0)
      return this.#networks.some((entry) => fits(entry) && entry.list.check(host, family));
    const name = host.toLowerCase().replace(/\.$/, '');
    return this.#names.some(
      (entry) => fits(entry) && (name.endsWith(`.${entry.name.replace(/^\./, '')}`) || name === entry.name),
    );
  }
}

function isLoopback(host: string): boolean {
  return host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

function readName(entry: string): { readonly name: string; readonly port: number | undefined } {
  const [, name = entry, port] = /^(.*?)(?::(\d{1,5}))?$/.exec(entry) ?? [];
  return { name: name.replace(/^\*\./, '.'), port: port === undefined ? undefined : Number(port) };
}

function readNetwork(entry: string) {
  const [, bare = '', bits] = /^(.*?)(?:\/(\d{1,3}))?$/.exec(entry) ?? [];
  const whole = bits === undefined ? /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(bare) : null;
  const address = whole?.[1] ?? whole?.[2] ?? bare.replace(/^\[|\]$/g, '');
  const family = isIP(address);
  const most = family === 6 ? 128 : 32;
  if (family === 0 || Number(bits ?? most) > most) return undefined;
  const list = new BlockList();
  list.addSubnet(address, Number(bits ?? most), family === 6 ? 'ipv6' : 'ipv4');
  return { list, port: whole?.[3] === undefined ? undefined : Number(whole[3]) };
}

export interface TunnelOptions {
  /** Connected to the proxy. */
  readonly socket: Socket;
  readonly proxy: URL;
  /** `host:port` of the target. */
  readonly authority: string;
  readonly headers: ProxyRules['connectHeaders'];
}

/**
 * Asks a proxy to connect to a target; the socket leads there afterwards.
 * @throws ProbeFailure `connect` when the proxy refuses, `auth` when it requires other credentials
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6
 */
export async function openTunnel({ socket, proxy, authority, headers }: TunnelOptions): Promise<void> {
  requireHostText(authority);
  const authorization = proxyAuthorization(proxy);
  const head = [`CONNECT ${authority} HTTP/1.1`, `Host: ${authority}`, 'User-Agent: Tocsin'];
  if (authorization !== undefined) head.push(`Proxy-Authorization: ${authorization.reveal()}`);
  for (const [name, value] of headers) head.push(`${name}: ${value.reveal()}`);
  await new Promise<void>((resolve, reject) => {
    const heads = new HeadReader();
    const settle = (problem?: ProbeFailure): void => {
      socket.removeListener('data', came).removeListener('end', closed).removeListener('close', closed);
      socket.removeListener('error', broke);
      if (problem === undefined) resolve();
      else reject(problem);
    };
    const closed = (): void => settle(fail('protocol', 'The proxy closed the connection before it answered'));
    const broke = (error: Error): void =>
      settle(brokenConnection(error, 'during the CONNECT request to the proxy'));
    const came = (bytes: Buffer): void => {
      const read = proxyAnswer(heads, bytes);
      if (read === undefined) return;
      // the next bytes belong to the user of the tunnel
      socket.pause();
      if (read instanceof ProbeFailure) settle(read);
      else {
        if (read.rest.length > 0) socket.unshift(read.rest);
        settle();
      }
    };
    socket.on('data', came).once('end', closed).once('close', closed).once('error', broke);
    socket.write(`${head.join('\r\n')}\r\n\r\n`, 'latin1');
  });
}

/** A proxy's answer to CONNECT; undefined while it is incomplete. */
function proxyAnswer(heads: HeadReader, bytes: Buffer): { readonly rest: Buffer } | ProbeFailure | undefined {
  try {
    const read = heads.push(bytes);
    if (read === undefined) return undefined;
    const { status } = read.head;
    if (status >= 200 && status < 300) return { rest: read.rest };
    return status === 407
      ? fail('auth', 'The proxy rejects the credentials (HTTP status 407)')
      : fail('connect', `The proxy refuses to connect to the target: HTTP status ${status}`);
  } catch (error) {
    if (!(error instanceof ProbeFailure)) throw error;
    return fail('protocol', `The answer of the proxy to CONNECT is invalid: ${error.message}`);
  }
}
