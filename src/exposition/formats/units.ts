/** The base units that Prometheus's guide names, and hertz. */
const UNITS: readonly string[] = [
  'seconds',
  'bytes',
  'ratio',
  'celsius',
  'meters',
  'volts',
  'amperes',
  'joules',
  'grams',
  'hertz',
];

/**
 * The unit that a family's name ends in.
 * @param base the name without `_total`
 * @see https://prometheus.io/docs/practices/naming/#base-units
 */
export function unitOf(base: string): string | undefined {
  return UNITS.find((unit) => base.endsWith(`_${unit}`));
}
