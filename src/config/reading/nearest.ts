/**
 * The candidate that was probably meant: the one with the fewest typing errors (a letter wrong, left out, added, or two
 * swapped), ignoring upper case, `-` and `_`. Undefined when none is near: more than one error in three letters is too
 * many.
 */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const given = plain(word);
  let best: string | undefined;
  let least = Math.max(1, Math.floor(given.length / 3)) + 1;
  for (const candidate of candidates) {
    const errors = distance(given, plain(candidate));
    if (errors < least) [best, least] = [candidate, errors];
  }
  return best;
}

/** The hint for a word outside a closed set: the nearest member, or all of them. */
export function suggest(word: string, candidates: readonly string[], these: string): string {
  const near = nearest(word, candidates);
  if (near !== undefined) return `did you mean "${near}"?`;
  if (candidates.length === 0) return `there are no ${these}`;
  return `${these}: ${[...candidates].sort().join(', ')}`;
}

function plain(word: string): string {
  return word.slice(0, 64).toLowerCase().replace(/[-_]/g, '');
}

/** Optimal string alignment distance: Levenshtein's, plus swaps of neighbours. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row.push(
        Math.min(
          at(row, j - 1) + 1,
          at(above, j) + 1,
          at(above, j - 1) + change,
          swapped ? at(before, j - 2) + 1 : Infinity,
        ),
      );
    }
    [before, above] = [above, row];
  }
  return at(above, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Infinity;
}
