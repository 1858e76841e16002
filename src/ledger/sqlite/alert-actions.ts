import type { EpisodeAction } from '../../domain/episode.ts';
import type { AcknowledgeResult } from '../ledger.ts';
import type { AlertRecorder } from './alert-recorder.ts';
import type { EpisodeReader } from './episode-reader.ts';
import type { EpisodeStore } from './episode-store.ts';
import type { Names } from './names.ts';

interface ActionParts {
  readonly episodes: EpisodeStore;
  readonly episodeReader: EpisodeReader;
  readonly names: Names;
  readonly recorder: AlertRecorder;
}

/** What a person, or the sender's own list, does to an episode. Only within a transaction. */
export class AlertActions {
  readonly #parts: ActionParts;

  constructor(parts: ActionParts) {
    this.#parts = parts;
  }

  run(id: string, action: EpisodeAction): AcknowledgeResult {
    const { episodes, episodeReader, recorder } = this.#parts;
    const before = episodeReader.get(id);
    const known = before === undefined ? undefined : episodes.byId(Number(id));
    if (before === undefined || known === undefined) return { outcome: 'unknown' };
    if (before.state === 'closed' && !isAboutSuspicion(action)) return { outcome: 'closed', episode: before };
    const { length } = recorder.act(known, action, before.webhook);
    return { outcome: length > 0 ? 'changed' : 'unchanged', episode: episodeReader.get(id) ?? before };
  }

  /** What time itself does to an episode; `expire` only when nothing was heard of it meanwhile. */
  pass(id: number, action: EpisodeAction): number {
    const known = this.#parts.episodes.byId(id);
    if (known === undefined) return 0;
    if (action.kind === 'expire' && known.lastReceivedAt !== action.lastReceivedAt) return 0;
    return this.#parts.recorder.act(known, action, this.#parts.names.name(known.webhook)).length;
  }
}

function isAboutSuspicion({ kind }: EpisodeAction): boolean {
  return kind === 'confirm' || kind === 'refute';
}
