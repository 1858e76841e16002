import type { EpisodeAction } from '../../../alerts/episode.ts';
import type { AcknowledgeResult } from '../../ledger.ts';
import type { AlertRecorder } from '../intake/alert-recorder.ts';
import type { EpisodeReader } from './episode-reader.ts';
import type { EpisodeStore } from './episode-store.ts';
import type { UnreadableRows } from '../../unreadable-rows.ts';
import type { StringTable } from '../database/string-table.ts';

interface ActionParts {
  readonly episodes: EpisodeStore;
  readonly episodeReader: EpisodeReader;
  readonly strings: StringTable;
  readonly recorder: AlertRecorder;
  readonly unreadable: UnreadableRows;
  /** Runs a part that is rolled back if it throws. */
  readonly withSavepoint: <T>(run: () => T) => T;
}

/** Applies the actions of a person, or of the sender's own list, to an episode. Only within a transaction. */
export class AlertActions {
  readonly #parts: ActionParts;

  constructor(parts: ActionParts) {
    this.#parts = parts;
  }

  apply(id: string, action: EpisodeAction): AcknowledgeResult {
    const { episodes, episodeReader, recorder } = this.#parts;
    const before = episodeReader.get(id);
    const known = before === undefined ? undefined : episodes.byId(Number(id));
    if (before === undefined || known === undefined) return { outcome: 'unknown' };
    if (before.state === 'closed') return { outcome: 'closed', episode: before };
    const { length } = recorder.applyAction(known, action, before.webhook);
    return { outcome: length > 0 ? 'changed' : 'unchanged', episode: episodeReader.get(id) ?? before };
  }

  /** Applies a timer's action to an episode; `expire` only if no report has arrived meanwhile. */
  applyScheduled(id: number, action: EpisodeAction): number {
    const { episodes, unreadable, withSavepoint } = this.#parts;
    const done = unreadable.readOrSkip('episodes', id, () =>
      withSavepoint(() => this.#applyScheduled(id, action)),
    );
    if (done !== undefined) return done;
    // unreadable: without this it would be due again and again, or stay open forever
    if (action.kind === 'time') episodes.clearTimer(id);
    else if (action.kind === 'expire') episodes.closeUnreadable(id);
    return 0;
  }

  #applyScheduled(id: number, action: EpisodeAction): number {
    const { episodes, recorder, strings } = this.#parts;
    const known = episodes.readOrThrow(id);
    if (known === undefined) return 0;
    if (action.kind === 'expire' && known.lastReceivedAt !== action.lastReceivedAt) return 0;
    const { length } = recorder.applyAction(known, action, strings.name(known.webhook));
    // a timer that does not match the state would stay due
    if (length === 0 && action.kind === 'time')
      episodes.updateAfterRepeat(known, known.state, known.lastReceivedAt);
    return length;
  }
}
