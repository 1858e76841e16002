import type { Probe, Prober } from './prober.ts';

/** A module of blackbox_exporter's file: settings that `/probe` and `tocsin probe` apply to any target. */
export interface ProbeModule {
  readonly name: string;
  readonly prober: Pick<Prober, 'type' | 'target' | 'probeAddress'>;
  readonly probe: Probe;
  /** The time limit of a run; undefined: the scraper's. */
  readonly timeoutMs: number | undefined;
  /** The module as YAML, secrets masked. */
  readonly redacted: () => string;
}
