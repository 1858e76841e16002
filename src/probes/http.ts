import type { TargetProblem } from './prober.ts';
import { defineProber } from './prober.ts';
import { HTTP_FAMILIES } from './http/families.ts';
import { probeHttp, unmeasuredHttp } from './http/probe.ts';
import { hostName, httpSettings, type HttpSettings } from './http/settings.ts';
import { httpTarget } from './http/target.ts';

/** Requests a URL and judges the answer, with blackbox_exporter's keys and families. */
export const httpProber = defineProber<HttpSettings>({
  type: 'http',
  families: HTTP_FAMILIES,
  settings: httpSettings,
  target: httpTarget,
  probeAddress: (target) => (/^https?:\/\//.test(target) ? target : `http://${target}`),
  probe: probeHttp,
  unmeasured: unmeasuredHttp,
  withHostname,
});

/** The settings with a virtual host; if they already name one, it must be the same. */
function withHostname(settings: HttpSettings, hostname: string): HttpSettings | TargetProblem {
  const given = settings.headers.find(([name]) => name.toLowerCase() === 'host')?.[1];
  if (given !== undefined && given !== hostname)
    return { problem: 'the module sets a Host header that differs from the hostname' };
  if (given !== undefined) return settings;
  return {
    ...settings,
    headers: [...settings.headers, ['Host', hostname]],
    tls: settings.tls.withServerName(hostName(hostname)),
  };
}
