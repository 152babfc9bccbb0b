import type { LayerNode } from "../messages.ts";
import { terms } from "../text/query.ts";
import { nextMatch } from "../text/typeAhead.ts";

export interface TreeNode extends LayerNode {
  /** Text of its row, where that is shorter than its name. */
  label?: string;
  /** A block of layers: search skips it, and it cannot be chosen. */
  block?: boolean;
}

export interface Row {
  /** Index of the node. */
  index: number;
  expandable: boolean;
  expanded: boolean;
  /** Position among its visible siblings, from 1. */
  position: number;
  siblings: number;
}

/** Maximum number of rows that a tree opens with. */
const OPEN_ROWS = 80;

/**
 * Return the nodes that match every word of the query, in order: by path, by the full name of their type, or by a part
 * of it where no path contains that word. (`conv2` means the layers of that name, not each Conv2D.) None for an empty
 * query.
 */
export function search(nodes: readonly TreeNode[], query: string): number[] {
  const words = terms(query);
  if (words.length === 0) return [];
  const texts = nodes.map(({ path, type }) => ({ path: path.toLowerCase(), type: type.toLowerCase() }));
  const named = new Set(words.filter((word) => texts.some(({ path }) => path.includes(word))));
  const fits = ({ path, type }: { path: string; type: string }) =>
    words.every((word) => path.includes(word) || type === word || (!named.has(word) && type.includes(word)));
  return [...texts.keys()].filter((index) => !nodes[index].block && fits(texts[index]));
}

/** Return the nested models around a node, innermost first. */
export function ancestors(nodes: readonly LayerNode[], index: number): number[] {
  const around: number[] = [];
  for (let at = nodes[index]?.parent ?? -1; at >= 0; at = nodes[at].parent) around.push(at);
  return around;
}

export function containers(nodes: readonly LayerNode[]): Set<number> {
  return new Set(nodes.map(({ parent }) => parent).filter((parent) => parent >= 0));
}

/**
 * Return what is folded at first: all but the way to the chosen node, and whole levels, outermost first, while they
 * fit.
 */
export function initiallyFolded(nodes: readonly LayerNode[], chosen: number): Set<number> {
  let folded = containers(nodes);
  for (const index of ancestors(nodes, chosen)) folded.delete(index);
  for (let level = 0; folded.size > 0; level++) {
    const deeper = new Set([...folded].filter((index) => nodes[index].level > level));
    if (unfolded(nodes, deeper).filter(Boolean).length > OPEN_ROWS) break;
    folded = deeper;
  }
  return folded;
}

/** Return the visible rows, in order. */
export function visibleRows(nodes: readonly TreeNode[], folded: ReadonlySet<number>): Row[] {
  const shown = unfolded(nodes, folded);
  const parents = containers(nodes);
  const counts = new Map<number, number>();
  const rows: Row[] = [];
  nodes.forEach(({ parent }, index) => {
    if (!shown[index]) return;
    const position = (counts.get(parent) ?? 0) + 1;
    counts.set(parent, position);
    rows.push({
      index,
      expandable: parents.has(index),
      expanded: parents.has(index) && !folded.has(index),
      position,
      siblings: 0,
    });
  });
  for (const row of rows) row.siblings = counts.get(nodes[row.index].parent) ?? 0;
  return rows;
}

function unfolded(nodes: readonly LayerNode[], folded: ReadonlySet<number>): boolean[] {
  const shown: boolean[] = [];
  nodes.forEach(({ parent }, index) => {
    shown[index] = parent < 0 || (shown[parent] && !folded.has(parent));
  });
  return shown;
}

/** Return the next row whose name starts with `text`, from `from` on and wrapping around; -1 if none. */
export function nextByName(nodes: readonly TreeNode[], rows: readonly Row[], from: number, text: string): number {
  return nextMatch(rows.length, from, text, (at, wanted) => {
    const { label, name } = nodes[rows[at].index];
    return [label ?? "", name].some((each) => each.toLowerCase().startsWith(wanted));
  });
}

/** Return the match after a node (or before it, with `step` -1), wrapping around; -1 if there is none. */
export function nextHit(hits: readonly number[], from: number, step: 1 | -1): number {
  const beyond = hits.filter((hit) => (hit - from) * step > 0);
  const first = step > 0 ? 0 : -1;
  return beyond.at(first) ?? hits.at(first) ?? -1;
}
