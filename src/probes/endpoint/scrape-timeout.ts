/** Subtracted from the scraper's timeout, as blackbox_exporter's `--timeout-offset`. */
const OFFSET_S = 0.5;
const DEFAULT_S = 120;
/** Node's timers count milliseconds in 31 bits. */
const LONGEST_MS = 24 * 86_400_000;
const GO_FLOAT = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;
const GO_INFINITE = /^([+-]?)inf(?:inity)?$/i;

/**
 * How long a run may take, in milliseconds, computed as in blackbox_exporter: the scraper's timeout less half a second,
 * or the module's timeout where that is shorter. Without either, 119.5 s.
 * @param header `X-Prometheus-Scrape-Timeout-Seconds`
 * @param moduleMs the module's timeout; undefined when it has none
 * @returns 0 for a run that has no time at all; undefined for a header that is not a number
 */
export function runTimeoutMs(header: string | undefined, moduleMs: number | undefined): number | undefined {
  const given = header === undefined || header === '' ? 0 : goFloat(header);
  if (given === undefined) return undefined;
  const most = (given === 0 ? DEFAULT_S : given) - OFFSET_S;
  const module = (moduleMs ?? 0) / 1_000;
  const seconds = (module > 0 && module < most) || most < 0 ? module : most;
  return Number.isNaN(seconds) ? 0 : Math.min(seconds * 1_000, LONGEST_MS);
}

/** @see https://pkg.go.dev/strconv#ParseFloat */
function goFloat(text: string): number | undefined {
  if (GO_FLOAT.test(text)) return Number(text);
  if (/^nan$/i.test(text)) return NaN;
  const sign = GO_INFINITE.exec(text)?.[1];
  return sign === undefined ? undefined : sign === '-' ? -Infinity : Infinity;
}
