import type { Path } from './path.ts';

/** The values of a scalar: those of YAML's core schema, and the bytes of a `!!binary`. */
export type Scalar = string | number | boolean | Uint8Array | null;

export interface ScalarNode {
  readonly kind: 'scalar';
  /** Where it begins in the text; -1 when it has no text (`key:` without a value). */
  readonly offset: number;
  readonly value: Scalar;
  /**
   * Other readings where `value` does not fit: the number or boolean that an expanded text spells; for a null, nothing
   * at all; in blackbox_exporter's dialect the boolean of a `yes`, the text of a number.
   */
  readonly alternatives: readonly (string | number | boolean | undefined)[];
  /** Its problem was already reported: anything else that does not fit follows from it. */
  readonly broken: boolean;
}

export interface ListNode {
  readonly kind: 'list';
  readonly offset: number;
  readonly items: readonly YamlNode[];
}

export interface MapNode {
  readonly kind: 'map';
  readonly offset: number;
  readonly entries: ReadonlyMap<string, Entry>;
}

export interface Entry {
  readonly keyOffset: number;
  readonly value: YamlNode;
}

/** A parsed document with the place of each value. Aliases share the node of their anchor. */
export type YamlNode = ScalarNode | ListNode | MapNode;

/** A scalar with its other readings. */
export function scalarNode(
  offset: number,
  value: Scalar,
  alternatives: ScalarNode['alternatives'] = [],
): ScalarNode {
  return { kind: 'scalar', offset, value, alternatives, broken: false };
}

/** A scalar whose problem was already reported. */
export function brokenNode(offset: number): ScalarNode {
  return { kind: 'scalar', offset, value: '', alternatives: [], broken: true };
}

/** The node at a path; undefined if it does not exist. */
export function nodeAt(root: YamlNode | undefined, path: Path): YamlNode | undefined {
  return path.reduce<YamlNode | undefined>((node, segment) => {
    if (node?.kind === 'map' && typeof segment === 'string') return node.entries.get(segment)?.value;
    if (node?.kind === 'list' && typeof segment === 'number') return node.items[segment];
    return undefined;
  }, root);
}

/**
 * The offset that a problem at a path points to: the key, or the value when it is a scalar; the nearest enclosing node
 * when nothing is at the path. Undefined when the document is empty.
 */
export function offsetAt(root: YamlNode | undefined, path: Path, at: 'key' | 'value'): number | undefined {
  let node = root;
  let best = root !== undefined && root.offset >= 0 ? root.offset : undefined;
  for (const [index, segment] of path.entries()) {
    if (node?.kind === 'map' && typeof segment === 'string') {
      const entry = node.entries.get(segment);
      if (entry === undefined) break;
      const keyMeant = at === 'key' && index === path.length - 1;
      const { value } = entry;
      best = value.kind === 'scalar' && value.offset >= 0 && !keyMeant ? value.offset : entry.keyOffset;
      node = value;
    } else {
      const item = nodeAt(node, [segment]);
      if (node === undefined || item === undefined) break;
      best = item.offset >= 0 ? item.offset : node.offset;
      node = item;
    }
  }
  return best;
}

/** Plain data of a node; `otherwise` are the scalars that take their other reading. */
export function toData(node: YamlNode, otherwise: ReadonlySet<YamlNode>): unknown {
  if (node.kind === 'scalar') {
    return otherwise.has(node) ? node.alternatives[0] : node.value;
  }
  if (node.kind === 'list') return node.items.map((item) => toData(item, otherwise));
  const pairs = [...node.entries].map(([key, entry]) => [key, toData(entry.value, otherwise)] as const);
  return Object.fromEntries(pairs.filter(([, value]) => value !== undefined));
}

/** Maps offsets of a text to 1-based lines. */
export function lineIndex(text: string): (offset: number) => number {
  const starts = [0];
  for (const match of text.matchAll(/\r\n|\n|\r/g)) starts.push(match.index + match[0].length);
  return (offset) => {
    let low = 0;
    let high = starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? Infinity) <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  };
}
