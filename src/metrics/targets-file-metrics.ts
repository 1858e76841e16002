import type { EpochMs } from '../domain/clock.ts';
import type { SeriesGroup, SeriesTable } from '../exposition/table/series-table.ts';
import { defineFamily, type Family } from './family.ts';
import { sample } from './family.ts';

/** State of the targets file of each service. */
export const TARGETS_FILE = {
  successful: defineFamily(
    'gauge',
    'tocsin_targets_file_last_read_successful',
    'Whether the targets file of the service was valid when it was last read.',
    ['service'],
  ),
  readAt: defineFamily(
    'gauge',
    'tocsin_targets_file_last_read_success_timestamp_seconds',
    'Time at which the targets of the service were last loaded from its file, in seconds since the epoch.',
    ['service'],
  ),
} as const satisfies Record<string, Family>;

export interface TargetsFileStatus {
  readonly service: string;
  readonly ok: boolean;
  /** When it was last loaded; undefined: never. */
  readonly loadedAt: EpochMs | undefined;
}

/** The series of the targets files. */
export class TargetsFileMetrics {
  readonly #group: SeriesGroup;

  constructor(table: SeriesTable) {
    this.#group = table.group('checks');
  }

  set(files: readonly TargetsFileStatus[]): void {
    this.#group.replace(
      files.flatMap(({ service, ok, loadedAt }) => [
        sample(TARGETS_FILE.successful, ok ? 1 : 0, { service }),
        ...(loadedAt === undefined ? [] : [sample(TARGETS_FILE.readAt, loadedAt / 1_000, { service })]),
      ]),
    );
  }
}
