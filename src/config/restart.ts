import { describeKeys } from './schema/describe-keys.ts';
import { describingContext, rootSchema } from './root.ts';
import type { Config } from './types.ts';

/** What a reload does not change: a whole section of the configuration, or one property of it. */
interface RestartKey {
  readonly section: string;
  readonly property?: string | undefined;
}

type Sections = Readonly<Record<string, unknown>>;

/** A configuration that was read again, as far as it can take effect. */
export interface ReloadableConfig {
  /** The new one, with everything that needs a restart unchanged. */
  readonly config: Config;
  /** The sections with changes that wait for a restart. */
  readonly needsRestart: readonly string[];
}

/** Keeps what needs a restart as it was before; the declaration of each key says what does. */
export function keepUntilRestart(before: Config, after: Config): ReloadableConfig {
  const old: Sections = { ...before };
  const given: Sections = { ...after };
  const kept: Record<string, unknown> = {};
  for (const { section, property } of restartKeys()) {
    if (property === undefined) kept[section] = old[section];
    else
      kept[section] = Object.freeze({
        ...part(kept[section] ?? given[section]),
        [property]: part(old[section])[property],
      });
  }
  const needsRestart = Object.keys(kept).filter(
    (section) => JSON.stringify(kept[section]) !== JSON.stringify(given[section]),
  );
  return { config: Object.freeze({ ...after, ...kept }), needsRestart };
}

function part(value: unknown): Sections {
  return typeof value === 'object' ? { ...value } : {};
}

function restartKeys(): readonly RestartKey[] {
  const keys = describeKeys(rootSchema(describingContext({ probers: [], collectors: [] })));
  const property = new Map(keys.map(({ path, notes }) => [path, notes.property ?? path]));
  return keys
    .filter(({ notes }) => notes.restart)
    .map(({ path }) => {
      const [section = ''] = path.split('.');
      return {
        section: property.get(section) ?? section,
        property: path === section ? undefined : property.get(path),
      };
    });
}
