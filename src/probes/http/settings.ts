import type { RE2JS } from 're2js';
import { z } from 'zod';
import { ipPreference, ipSettings, type IpPreference } from '../net/ip-settings.ts';
import { defaultTls, tlsSettings } from '../net/tls/settings.ts';
import type { TlsClient } from '../net/tls/client.ts';
import { parseWebUrl } from '../net/web-url.ts';
import {
  CANNOT_WORK,
  fileContent,
  fileInsteadOf,
  unlessEmpty,
  type ConfigFiles,
} from '../../settings/values.ts';
import { answerKeys, type HeaderRule } from './answer-settings.ts';
import { authorizationOf, authSettings, checkAuth, type Authorization } from './auth/auth.ts';
import type { CelRule } from './rules/cel.ts';
import { acceptsEncoding, COMPRESSIONS, type Compression } from './compression.ts';
import { headers, privateHeaders, type PrivateHeader } from './headers/settings.ts';
import type { TokenSource } from './auth/oauth2.ts';
import { oauth2Settings } from './auth/oauth2-settings.ts';
import type { ProxyRules } from './proxy/proxy.ts';
import { checkProxy, proxyKeys, proxyRules } from './proxy/proxy-settings.ts';

export interface HttpSettings {
  readonly method: string;
  /** Names as configured, with their values; may include `Host` and `User-Agent`. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Additional headers; secret ones are sent to the target itself only. */
  readonly privateHeaders: readonly PrivateHeader[];
  readonly body: string | undefined;
  readonly authorization: Authorization | undefined;
  /** The source of the authorization instead. */
  readonly tokens: TokenSource | undefined;
  readonly followRedirects: boolean;
  /** Empty: 2xx. */
  readonly statusCodes: readonly number[];
  /** Such as `HTTP/1.1`; all if empty. */
  readonly versions: readonly string[];
  readonly failIfSsl: boolean;
  readonly failIfNotSsl: boolean;
  readonly bodyMatches: readonly RE2JS[];
  readonly bodyNotMatches: readonly RE2JS[];
  readonly headerMatches: readonly HeaderRule[];
  readonly headerNotMatches: readonly HeaderRule[];
  readonly celMatches: CelRule | undefined;
  readonly celNotMatches: CelRule | undefined;
  /** The compression of the body, whatever the answer says. */
  readonly compression: Compression | undefined;
  /** 0: no limit. */
  readonly bodySizeLimit: number;
  /** The number of bytes of the body that body rules see. */
  readonly bodyMatchLimit: number;
  /** Whether HTTP/2 is offered over TLS. */
  readonly http2: boolean;
  /** Undefined: every connection is direct. */
  readonly proxy: ProxyRules | undefined;
  readonly ip: IpPreference;
  readonly tls: TlsClient;
}

const method = z
  .string()
  .refine((text) => /^[!#$%&'*+.^_`|~\w-]*$/.test(text), {
    error: 'expected an HTTP method such as GET, HEAD or POST',
    params: CANNOT_WORK,
  })
  .transform((text) => (text === '' ? 'GET' : text.toUpperCase()))
  .refine((text) => text !== 'CONNECT', {
    error: 'CONNECT is for tunnels and is not supported',
    params: CANNOT_WORK,
  });

const compression = z
  .string()
  .transform((text) => text.toLowerCase())
  .transform((name, context): Compression | undefined => {
    const known = COMPRESSIONS.find((one) => one === name);
    if (known === undefined && name !== '')
      context.addIssue({
        code: 'custom',
        message: `expected one of ${COMPRESSIONS.join(', ')}`,
        params: CANNOT_WORK,
      });
    return known;
  })
  .optional()
  .meta({ description: 'how the body of the answer is compressed: `gzip`, `br`, `deflate` or `identity`' });

const noHttp3 = z.boolean().refine((on) => !on, {
  error: 'HTTP/3 is not supported: Node.js has no QUIC; leave enable_http3 out, or probe with HTTP/2',
  // a file of modules is loaded all the same: the modules with it fail
  params: CANNOT_WORK,
});

/** The keys about redirects and versions of HTTP, and about names behind a proxy. */
const connectionKeys = {
  follow_redirects: z.boolean().default(true).meta({ description: 'follow up to ten redirects' }),
  no_follow_redirects: z.boolean().optional().meta({
    description: 'the old name for the opposite of `follow_redirects`, over which it takes precedence',
  }),
  enable_http2: z.boolean().default(true).meta({ description: 'offer HTTP/2 over TLS' }),
  enable_http3: noHttp3.default(false).meta({ description: 'not supported: `true` is an error' }),
  skip_resolve_phase_with_proxy: z
    .boolean()
    .default(false)
    .meta({ description: "leave the target's name to `proxy_url`, instead of resolving it here" }),
};

/** The keys of the request. */
function requestKeys(files: ConfigFiles) {
  return {
    method: method.default('GET').meta({ description: 'the method of the request; any but `CONNECT`' }),
    headers: headers(files).default([]).meta({
      description:
        'headers of the request; `Host` is also the name for TLS, where `tls_config.server_name` is not given',
    }),
    http_headers: privateHeaders(files),
    body: z.string().default('').meta({ description: 'the body of the request' }),
    body_file: unlessEmpty(fileContent(files)).meta(fileInsteadOf('body')),
    compression,
    ...connectionKeys,
    tls_config: tlsSettings(files, 'for `https://`'),
    oauth2: oauth2Settings(files),
    ...proxyKeys,
    ...ipSettings(files),
    ...authSettings(files),
  };
}

function httpSchema(files: ConfigFiles) {
  return z
    .strictObject({ ...requestKeys(files), ...answerKeys(files) })
    .refine((given) => given.body === '' || given.body_file === undefined, {
      error: 'body and body_file are both given; expected one',
      path: ['body_file'],
    })
    .refine((given) => !(given.fail_if_ssl && given.fail_if_not_ssl), {
      error: 'fail_if_ssl and fail_if_not_ssl together fail every run; expected one',
      params: CANNOT_WORK,
      path: ['fail_if_not_ssl'],
    })
    .superRefine(checkAuth)
    .superRefine(checkProxy)
    .superRefine((given, context) => {
      const accept = given.headers.find(([name]) => name.toLowerCase() === 'accept-encoding')?.[1];
      if (given.compression === undefined || accept === undefined) return;
      if (acceptsEncoding(given.compression, accept)) return;
      context.addIssue({
        code: 'custom',
        path: ['compression'],
        message: `the header Accept-Encoding ("${accept}") does not ask for ${given.compression}; expected both to agree`,
      });
    });
}

type HttpGiven = z.output<ReturnType<typeof httpSchema>>;

/** The keys of blackbox_exporter's `http` module. */
export function httpSettings(files: ConfigFiles): z.ZodType<HttpSettings> {
  return httpSchema(files).transform((given) => ({
    ...requestOf(given),
    statusCodes: given.valid_status_codes,
    versions: given.valid_http_versions,
    failIfSsl: given.fail_if_ssl,
    failIfNotSsl: given.fail_if_not_ssl,
    bodyMatches: given.fail_if_body_matches_regexp,
    bodyNotMatches: given.fail_if_body_not_matches_regexp,
    headerMatches: given.fail_if_header_matches,
    headerNotMatches: given.fail_if_header_not_matches,
    celMatches: given.fail_if_body_json_matches_cel,
    celNotMatches: given.fail_if_body_json_not_matches_cel,
    bodySizeLimit: given.body_size_limit,
    bodyMatchLimit: given.body_match_limit,
    proxy: proxyRules(given, files),
  }));
}

function requestOf(given: HttpGiven) {
  const body = given.body === '' ? given.body_file : given.body;
  return {
    method: given.method,
    headers: given.headers,
    privateHeaders: given.http_headers,
    body: body === '' ? undefined : body,
    authorization: authorizationOf(given),
    tokens: given.oauth2,
    followRedirects:
      given.no_follow_redirects === undefined ? given.follow_redirects : !given.no_follow_redirects,
    compression: given.compression,
    http2: given.enable_http2,
    ip: ipPreference(given),
    tls: tlsOf(given),
  };
}

/** A `Host` header is the better name for TLS, too, unless one is given: the target may be an address. */
function tlsOf({ tls_config: tls, headers: given }: HttpGiven): TlsClient {
  const client = tls ?? defaultTls();
  const host = given.find(([name]) => name.toLowerCase() === 'host')?.[1];
  return host === undefined ? client : client.withServerName(hostName(host));
}

/** `example.com` of `example.com:8443`. */
export function hostName(host: string): string {
  const url = parseWebUrl(`http://${host}`);
  return 'problem' in url ? host : url.host;
}
