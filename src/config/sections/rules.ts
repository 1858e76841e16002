import type { Secret } from '../../domain/secret.ts';
import type { Path } from '../yaml/path.ts';
import type { ConfigReader } from '../reading/reader.ts';

/** The first use of each secret, by its text: a secret with two uses could not say which one is meant. */
export type SecretUses = Map<string, string>;

/** Reports a secret that already has another use. */
export function requireUniqueSecret(
  { reader, uses, use }: { reader: ConfigReader; uses: SecretUses; use: string },
  secret: Secret,
  path: Path,
): void {
  const other = uses.get(secret.reveal());
  if (other === undefined) uses.set(secret.reveal(), use);
  else if (other !== use) reader.report(path, `the same secret as that of ${other}; each needs its own`);
}

/** Reports when neither or both of a pair of keys are given; otherwise returns the given one. */
export function oneOf(
  reader: ConfigReader,
  path: Path,
  [first, second]: readonly [string, string],
): string | undefined {
  const given = [first, second].filter((key) => reader.has([...path, key]));
  if (given.length === 1) return given[0];
  if (given.length === 2)
    reader.report([...path, second], `give either ${first} or ${second}, not both`, 'key');
  else reader.report(path, `missing ${first} or ${second}`);
  return undefined;
}

/** Reports a name that an earlier entry of the list has. */
export function uniqueName(
  reader: ConfigReader,
  path: Path,
  name: string | undefined,
  seen: Set<string>,
): void {
  if (name === undefined) return;
  if (seen.has(name))
    reader.report([...path, 'name'], `the name "${name}" is taken by an earlier entry; names must differ`);
  seen.add(name);
}

/** A list without undefined entries; undefined when it has one. */
export function allDefined<T>(list: readonly (T | undefined)[]): readonly T[] | undefined {
  const whole = list.filter((item) => item !== undefined);
  return whole.length === list.length ? whole : undefined;
}
