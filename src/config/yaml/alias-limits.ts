import type { YamlNode } from './nodes.ts';

/** How deep collections may be nested. */
export const MAX_DEPTH = 100;
const MAX_VALUES = 1_000_000;

/** The limits of a document, in words. */
export const LIMITS = `${MAX_VALUES} values and a depth of ${MAX_DEPTH}`;

/** Counts what aliases expand to, so that a small text cannot fill the memory or the stack. */
export class AliasLimits {
  readonly #known = new Map<YamlNode, { readonly values: number; readonly depth: number }>();

  /** Adds a finished collection; false when it is larger than the limits. */
  add(node: YamlNode, children: readonly YamlNode[]): boolean {
    let [values, depth] = [1, 1];
    for (const child of children) {
      const extent = this.#known.get(child) ?? { values: 1, depth: 0 };
      values += extent.values;
      depth = Math.max(depth, extent.depth + 1);
    }
    this.#known.set(node, { values, depth });
    return values <= MAX_VALUES && depth <= MAX_DEPTH;
  }
}
