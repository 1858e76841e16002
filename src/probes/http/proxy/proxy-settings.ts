import { z } from 'zod';
import { Secret } from '../../../domain/secret.ts';
import { CANNOT_WORK, type ConfigFiles } from '../../../settings/values.ts';
import { headerBytes, isHeader } from '../headers/text.ts';
import { NoProxy, parseProxyUrl, type ProxyRules } from './proxy.ts';

/** An empty one means none, as in blackbox_exporter. */
const proxyUrl = z.string().transform((text, context) => {
  const url = parseProxyUrl(text);
  if (url !== undefined || text === '') return url;
  // the text may hold a password
  context.addIssue({
    code: 'custom',
    params: CANNOT_WORK,
    message:
      'expected the URL of a proxy such as http://proxy.example:3128 or socks5://proxy.example:1080 (http, https, socks5 or socks5h; a % in user or password is written %25)',
  });
  return z.NEVER;
});

const connectHeader = z
  .record(
    z.string(),
    z
      .union([z.string().transform((one) => [one]), z.array(z.string())])
      .meta({ description: 'its value, or several' }),
  )
  .transform((given, context) =>
    Object.entries(given).flatMap(([name, values]) =>
      values.map((value): readonly [string, Secret] => {
        if (!isHeader(name, value)) {
          const message = `"${name}" or its value has characters that are not allowed in a header`;
          context.addIssue({ code: 'custom', path: [name], message, params: CANNOT_WORK });
        }
        return [name, new Secret(headerBytes(name, value))];
      }),
    ),
  );

/** The keys of blackbox_exporter's client block that are about proxies, for a settings schema. */
export const proxyKeys = {
  proxy_url: proxyUrl.optional().meta({
    description:
      'the proxy: `http://`, `https://`, `socks5://` or `socks5h://`, with its user and password in the URL',
  }),
  no_proxy: z.string().default('').meta({
    description:
      'what is reached without `proxy_url`, separated by commas: domains, addresses, networks, each with `:port` or without, or `*`',
  }),
  proxy_from_environment: z.boolean().default(false).meta({
    description:
      'use the proxies of `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, as they are when the configuration is loaded',
  }),
  proxy_connect_header: connectHeader
    .default([])
    .meta({ description: 'headers of `CONNECT` requests to the proxy, which are secrets; SOCKS has none' }),
};

export interface ProxyGiven {
  readonly proxy_url?: URL | undefined;
  readonly no_proxy: string;
  readonly proxy_from_environment: boolean;
  readonly proxy_connect_header: ProxyRules['connectHeaders'];
  readonly skip_resolve_phase_with_proxy?: boolean;
}

/** Rules across the keys. */
export function checkProxy(given: ProxyGiven, context: z.core.$RefinementCtx): void {
  const refuse = (key: keyof ProxyGiven, message: string): void =>
    context.addIssue({ code: 'custom', path: [key], message });
  if (given.proxy_from_environment && given.proxy_url !== undefined)
    refuse('proxy_url', 'proxy_url and proxy_from_environment are both given; expected one');
  if (given.proxy_from_environment && given.no_proxy !== '')
    refuse('no_proxy', 'proxy_from_environment uses the variable NO_PROXY; leave no_proxy out');
  else if (given.no_proxy !== '' && given.proxy_url === undefined)
    refuse('no_proxy', 'no_proxy has no effect without proxy_url');
  if (given.proxy_connect_header.length > 0 && given.proxy_url === undefined && !given.proxy_from_environment)
    refuse(
      'proxy_connect_header',
      'proxy_connect_header has no effect without proxy_url or proxy_from_environment',
    );
}

/** The proxy rules of the keys; undefined when every connection is direct. */
export function proxyRules(given: ProxyGiven, { environment = {} }: ConfigFiles): ProxyRules | undefined {
  const connectHeaders = given.proxy_connect_header;
  const { proxy_url: url, no_proxy: except } = given;
  if (url !== undefined) {
    return {
      http: url,
      https: url,
      except: except === '' ? undefined : new NoProxy(except),
      connectHeaders,
      resolvesTarget: given.skip_resolve_phase_with_proxy ?? false,
    };
  }
  if (!given.proxy_from_environment) return undefined;
  const variable = (name: string): string => environment[name] ?? environment[name.toLowerCase()] ?? '';
  const named = (name: string): URL | undefined =>
    variable(name) === '' ? undefined : parseProxyUrl(variable(name));
  return {
    http: named('HTTP_PROXY'),
    https: named('HTTPS_PROXY'),
    except: new NoProxy(variable('NO_PROXY')),
    connectHeaders,
    resolvesTarget: false,
  };
}
