import { httpTarget } from './http/target.ts';
import { HTTP_FAMILIES } from './http/families.ts';
import { probeHttp } from './http/probe.ts';
import { httpSettings, type HttpSettings } from './http/settings.ts';
import { defineProber } from './prober.ts';

/** Requests a URL and judges the answer, by blackbox_exporter's keys and families. */
export const httpProber = defineProber<HttpSettings>({
  type: 'http',
  families: HTTP_FAMILIES,
  settings: httpSettings,
  target: httpTarget,
  probe: probeHttp,
});
