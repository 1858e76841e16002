import type { RE2JS } from 're2js';

/** A match of a regular expression: the whole at 0, then its groups; those that did not take part are absent. */
export interface Match {
  readonly groups: readonly (string | undefined)[];
  readonly named: Readonly<Record<string, string | undefined>>;
}

/** The first match of an expression in a line. */
export function firstMatch(expression: RE2JS, line: string): Match | undefined {
  const matcher = expression.matcher(line);
  if (!matcher.find()) return undefined;
  const group = (i: number): string | undefined => matcher.group(i) ?? undefined;
  const groups = Array.from({ length: matcher.groupCount() + 1 }, (_none, i) => group(i));
  const named = Object.fromEntries(
    Object.entries(expression.namedGroups()).map(([name, i]) => [name, groups[i]]),
  );
  return { groups, named };
}

/**
 * Inserts groups into a template, as Go's `Regexp.Expand` does: `$1`, `${1}`, `$name`, `${name}`, and `$$` for `$`. A
 * bare name is as long as possible (`$1x` is `${1x}`); a missing group is empty; a `$` without a name stays.
 * @param check called with each group that is inserted
 * @see https://pkg.go.dev/regexp#Regexp.Expand
 */
export function expand(
  template: string,
  { groups, named }: Match,
  check: (value: string) => void = () => undefined,
): string {
  return template.replace(/\$(?:\$|\{(\w+)\}|(\w+))/g, (whole, braced?: string, bare?: string) => {
    const name = braced ?? bare;
    if (name === undefined) return whole.slice(1);
    const own = Object.hasOwn(named, name) ? named[name] : undefined;
    const value = (/^\d+$/.test(name) ? groups[Number(name)] : own) ?? '';
    check(value);
    return value;
  });
}
