import type { RE2JS } from 're2js';
import { z } from 'zod';
import { textOrBytes } from '../dialogue/settings.ts';
import { authorizationOf, authSettings, checkAuth, type Authorization } from '../http/auth/auth.ts';
import { anyPrivateHeaders, privateHeaders, type PrivateHeader } from '../http/headers/settings.ts';
import type { TokenSource } from '../http/auth/oauth2.ts';
import { oauth2Settings } from '../http/auth/oauth2-settings.ts';
import type { ProxyRules } from '../http/proxy/proxy.ts';
import { checkProxy, proxyKeys, proxyRules } from '../http/proxy/proxy-settings.ts';
import { ipPreference, ipSettings, type IpPreference } from '../net/ip-settings.ts';
import { defaultTls, tlsSettings } from '../net/tls/settings.ts';
import type { TlsClient } from '../net/tls/client.ts';
import { CANNOT_WORK, regexp, type ConfigFiles } from '../../settings/values.ts';

/** One step: the message to wait for, and what to send then. */
export interface MessageStep {
  readonly expect: RE2JS | undefined;
  /** A template where `expect` is given; empty: nothing. */
  readonly send: string | Buffer;
}

export interface WebsocketSettings {
  readonly ip: IpPreference;
  readonly tls: TlsClient;
  readonly headers: readonly PrivateHeader[];
  readonly authorization: Authorization | undefined;
  /** The source of the authorization instead. */
  readonly tokens: TokenSource | undefined;
  /** Undefined: a direct connection. */
  readonly proxy: ProxyRules | undefined;
  readonly steps: readonly MessageStep[];
}

/** Prometheus's client block. HTTP/2 and redirects do not apply to WebSocket: their keys have no effect. */
function clientBlock(files: ConfigFiles) {
  return z
    .strictObject({
      ...authSettings(files),
      oauth2: oauth2Settings(files),
      tls_config: tlsSettings(files, 'for `wss://`'),
      http_headers: privateHeaders(files),
      follow_redirects: z
        .boolean()
        .optional()
        .meta({ description: 'has no effect: a redirect is a failure' }),
      enable_http2: z
        .boolean()
        .optional()
        .meta({ description: 'has no effect: WebSocket is spoken over HTTP/1.1' }),
      ...proxyKeys,
    })
    .superRefine(checkAuth)
    .superRefine(checkProxy);
}

const idle = { description: 'has no effect for websocket; blackbox_exporter has it for tcp' };

/** Keys that blackbox_exporter has for other probers in the same list, and ignores here. */
const idleKeys = {
  expect_bytes: textOrBytes.optional().meta(idle),
  labels: z
    .array(
      z.strictObject({ name: z.string().optional().meta(idle), value: z.string().optional().meta(idle) }),
    )
    .optional()
    .meta(idle),
  starttls: z.boolean().optional().meta(idle),
};
const IDLE_KEYS = ['expect_bytes', 'labels', 'starttls'] as const;

function steps({ lenient = false }: ConfigFiles) {
  return z
    .array(
      z
        .strictObject({
          expect: regexp.optional().meta({ description: 'wait for one message, which has to match this' }),
          send: textOrBytes.optional().meta({
            description: 'send this as a text message; `$1` is the first group of what `expect` matched',
          }),
          ...idleKeys,
        })
        .superRefine((given, context) => {
          for (const key of lenient ? [] : IDLE_KEYS) {
            if (given[key] === undefined) continue;
            const message = `${key} has no effect for websocket; leave it out`;
            context.addIssue({ code: 'custom', path: [key], message });
          }
          if (given.expect === undefined || (given.expect_bytes ?? '').length === 0) return;
          const message = 'expect and expect_bytes are both given; expected one';
          context.addIssue({ code: 'custom', path: ['expect_bytes'], message });
        })
        .transform(({ expect, send = '' }): MessageStep => ({
          expect,
          send: typeof send === 'string' ? send : Buffer.from(send),
        })),
    )
    .default([])
    .meta({ description: 'the steps of the conversation; without any, the switch to WebSocket is enough' });
}

/** Headers of the handshake itself. */
const HANDSHAKE_HEADERS = /^(?:connection|upgrade|sec-websocket-(?:key|version|extensions|accept))$/i;

/** blackbox_exporter's keys. */
export function websocketSettings(files: ConfigFiles): z.ZodType<WebsocketSettings> {
  return z
    .strictObject({
      ...ipSettings(files),
      http_config: clientBlock(files)
        .prefault({})
        .meta({ description: 'how to connect and authenticate, with the keys of Prometheus' }),
      headers: anyPrivateHeaders(files)
        .default([])
        .meta({ description: 'headers of the request; those of the handshake itself are refused' }),
      query_response: steps(files),
    })
    .superRefine((given, context) => {
      for (const { name } of given.headers) {
        if (!HANDSHAKE_HEADERS.test(name)) continue;
        const message = `${name} is set by the prober for the handshake; leave it out`;
        context.addIssue({ code: 'custom', path: ['headers', name], message, params: CANNOT_WORK });
      }
    })
    .transform((given) => ({
      ip: ipPreference(given),
      tls: given.http_config.tls_config ?? defaultTls(),
      headers: [...given.http_config.http_headers, ...given.headers],
      authorization: authorizationOf(given.http_config),
      tokens: given.http_config.oauth2,
      proxy: proxyRules(given.http_config, files),
      steps: given.query_response,
    }));
}
