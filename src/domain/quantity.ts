const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  y: 31_536_000_000,
};
const DURATION = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/;
/** A Prometheus duration, as a regular expression for other programs. */
export const DURATION_PATTERN = `^0$|^(?=.)${DURATION.source.slice(1)}`;
const DURATION_UNITS = ['y', 'w', 'd', 'h', 'm', 's', 'ms'] as const;

/**
 * Parses a Prometheus duration (`500ms`, `30s`, `1h30m`, `30d`, `0`) to milliseconds; undefined when it is invalid.
 * @see https://prometheus.io/docs/prometheus/latest/configuration/configuration/ (`<duration>`)
 */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0;
  const match = DURATION.exec(text);
  if (match === null || text === '') return undefined;
  return DURATION_UNITS.reduce((sum, unit, i) => sum + Number(match[i + 1] ?? 0) * (UNIT_MS[unit] ?? 0), 0);
}

/** Formats milliseconds as a Prometheus duration: `90000` is `1m30s`. */
export function formatDuration(milliseconds: number): string {
  let rest = Math.round(milliseconds);
  if (rest === 0) return '0s';
  let text = '';
  for (const unit of ['d', 'h', 'm', 's', 'ms'] as const) {
    const size = UNIT_MS[unit] ?? 1;
    const count = Math.floor(rest / size);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * size;
  }
  return text;
}

const SIZE = /^(\d+(?:\.\d+)?)(B|KB|KiB|MB|MiB|GB|GiB|TB|TiB)?$/;
/** A size with or without a unit, as a regular expression for other programs. */
export const SIZE_PATTERN = SIZE.source;
const SIZE_FACTOR: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** Parses a size (`64MiB`, `1.5GB`, `4096`) to whole bytes; undefined when it is invalid. */
export function parseSize(text: string): number | undefined {
  const match = SIZE.exec(text);
  if (match === null) return undefined;
  const bytes = Math.floor(Number(match[1]) * (SIZE_FACTOR[match[2] ?? 'B'] ?? 1));
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

const BINARY_POWERS = 'KMGTPE';
const BINARY_PART = /([0-9]+\.?[0-9]*|\.[0-9]+)([A-Za-z]+)/g;
const MAX_INT64 = 2 ** 63;

/**
 * Parses a size in the syntax of Go's alecthomas/units (`1MB`, `-1.5MiB`, `1MB512KB`, `0`) to whole bytes: units are
 * powers of 1024, and either all units of a text have an `i` or none has; undefined when it is invalid.
 * @see https://pkg.go.dev/github.com/alecthomas/units#ParseBase2Bytes
 */
export function parseBinarySize(text: string): number | undefined {
  const [, sign = '', parts = ''] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  if (parts === '0') return 0;
  if (parts === '' || parts.replace(BINARY_PART, '') !== '') return undefined;
  const pieces = [...parts.matchAll(BINARY_PART)];
  const bytes = (form: RegExp): number =>
    pieces.reduce((sum, [, number = '', unit = '']) => {
      const letter = form.exec(unit)?.[1];
      const power = letter === '' ? 0 : BINARY_POWERS.indexOf(letter ?? '?') + 1;
      return letter !== undefined && (letter === '' || power > 0)
        ? sum + Math.trunc(Number(number) * 1024 ** power)
        : Number.NaN;
    }, 0);
  const found = [/^(?:([KMGTPE])iB|()B)$/, /^([KMGTPE]?)B$/]
    .map((form) => bytes(form))
    .find((sum) => !Number.isNaN(sum) && sum < MAX_INT64);
  return found === undefined ? undefined : sign === '-' ? -found : found;
}
