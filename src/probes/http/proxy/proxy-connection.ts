import type { Socket } from 'node:net';
import { connectTo, resolve } from '../../net/dial.ts';
import { ProbeFailure } from '../../net/failure.ts';
import type { IpPreference } from '../../net/ip-settings.ts';
import type { TlsClient } from '../../net/tls/client.ts';
import type { Run } from '../../prober.ts';
import { openTunnel, proxyPort, type ProxyRules } from './proxy.ts';
import { isSocks, openSocks } from './socks.ts';

export interface ProxyRoute {
  readonly proxy: URL;
  /** The target as sent to the proxy: an address or a name, without brackets. */
  readonly host: string;
  readonly port: number;
  /** Whether the connection leads to the target itself (https), or the request goes to the proxy (http). */
  readonly tunnel: boolean;
  readonly connectHeaders: ProxyRules['connectHeaders'];
  /** For a proxy reached over TLS. */
  readonly tls: TlsClient;
  readonly ip: IpPreference;
}

export interface ProxyConnection {
  /** The connection to the proxy; destroying it ends everything. */
  readonly plain: Socket;
  /** The socket for the request: `plain`, or TLS to the proxy over it. */
  readonly socket: Socket;
}

/**
 * Connects to a proxy, and through it to the target if requested. A SOCKS proxy always leads to the target.
 * @throws ProbeFailure
 */
export async function connectViaProxy(run: Run, way: ProxyRoute): Promise<ProxyConnection> {
  const { proxy, host, port, ip } = way;
  const to = {
    host: proxy.hostname.replace(/^\[|\]$/g, ''),
    port: proxyPort(proxy),
    ...ip,
    configured: true,
  };
  const plain = await connectTo(run, to, await resolve(run, to));
  run.log('proxy', { host: proxy.host });
  try {
    if (isSocks(proxy)) {
      await openSocks({ socket: plain, proxy, host, port });
      return { plain, socket: plain };
    }
    const socket = proxy.protocol === 'https:' ? await secured(plain, to.host, { run, tls: way.tls }) : plain;
    if (way.tunnel) {
      const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
      await openTunnel({ socket, proxy, authority, headers: way.connectHeaders });
    }
    return { plain, socket };
  } catch (error) {
    plain.destroy();
    throw error;
  }
}

async function secured(
  socket: Socket,
  host: string,
  { run, tls }: { readonly run: Run; readonly tls: TlsClient },
): Promise<Socket> {
  const handshake = await tls.handshake({ socket, host, signal: run.signal, ownHost: false });
  if (handshake.verdict.status !== 'success') throw new ProbeFailure(handshake.verdict);
  return handshake.socket;
}
