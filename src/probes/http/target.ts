import type { TargetParts, TargetProblem } from '../prober.ts';
import { parseWebUrl, portOf, type UrlProblem, type WebUrl } from '../net/web-url.ts';

const EXPECTED = 'expected a URL such as https://example.com/health';

/** The URL of an address; without a scheme it is `http://`, as in blackbox_exporter. */
export function targetUrl(address: string): WebUrl | UrlProblem {
  return parseWebUrl(/^[a-z][a-z0-9+.-]*:\/\//i.test(address) ? address : `http://${address}`);
}

/** Reads an HTTP address; its label has neither credentials nor query. */
export function httpTarget(address: string): TargetParts | TargetProblem {
  const url = targetUrl(address);
  if ('problem' in url) return { problem: `${url.problem}; ${EXPECTED}` };
  if (!isHttp(url)) return { problem: `the scheme "${url.scheme}" is not http or https; ${EXPECTED}` };
  return { label: shownUrl(url), host: url.host };
}

export function isHttp({ scheme }: WebUrl): boolean {
  return scheme === 'http' || scheme === 'https';
}

/** A URL without credentials, query and fragment. */
export function shownUrl(url: WebUrl): string {
  return `${originOf(url)}${url.path}`;
}

/** Scheme, host and port; the port only where it is not the scheme's default. */
function originOf(url: WebUrl): string {
  const host = url.host.includes(':') ? `[${url.host.replace('%', '%25')}]` : url.host;
  const isDefault = portOf({ ...url, port: undefined }) === portOf(url);
  return `${url.scheme}://${host}${isDefault ? '' : `:${portOf(url)}`}`;
}
