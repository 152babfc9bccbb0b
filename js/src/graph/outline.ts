/** The rows of the layer tree: the model's layers, with foldable blocks where nothing is nested. */

import type { LayerNode } from "../messages.ts";
import { type Block, findBlocks } from "./blocks.ts";
import type { Edge } from "./lanes.ts";
import { isAutomatic, withoutPrefix } from "./layerNames.ts";

export interface OutlineNode extends LayerNode {
  /** Text of its row: the name, without the prefix of the block around it. */
  label: string;
  /** A block is no layer of the model, and cannot be explained. */
  block: boolean;
  /** Number of layers inside. */
  layers: number;
  /** One past the last node inside, itself included. */
  end: number;
}

/** A row with what is inside it, before rows are numbered. */
interface Branch {
  node: LayerNode;
  /** Index in the model; -1 for a block. */
  index: number;
  label: string;
  inside: Branch[];
}

/** Insert block rows between the model's own; `parent`, `inputs` and `level` are those of the new rows. */
export function outline(nodes: readonly LayerNode[]): OutlineNode[] {
  const children = childrenOf(nodes);
  const edges = edgesAmongSiblings(nodes);
  const grow = (parent: number): Branch[] => {
    const siblings = children.get(parent);
    if (!siblings) return [];
    const leaves = siblings.map((index): Branch => {
      const node = nodes[index];
      return { node, index, label: node.name, inside: grow(index) };
    });
    const items = leaves.map(({ node: { name, type, shape } }) => {
      return { name, type, shape, automatic: isAutomatic(name, type) };
    });
    const blocks = findBlocks(items, edges.get(parent) ?? []);
    return bundle(leaves, blocks, 0, leaves.length, "");
  };
  const made: OutlineNode[] = [];
  const at = new Array<number>(nodes.length);
  write(grow(-1), -1, made, at);
  for (const row of made) row.inputs = row.inputs.map((index) => at[index]);
  return made;
}

/** Return the branches from `start` to `stop`, each block as one. */
function bundle(leaves: Branch[], blocks: readonly Block[], start: number, stop: number, prefix: string): Branch[] {
  const branches: Branch[] = [];
  let next = start;
  for (const { first, last, blocks: inner, ...one } of blocks) {
    for (; next < first; next++) branches.push(labelled(leaves[next], prefix));
    const node = blockNode(leaves.slice(first, last + 1), one.name);
    const inside = bundle(leaves, inner, first, last + 1, one.prefix || prefix);
    branches.push({ node, index: -1, label: withoutPrefix(node.name, prefix), inside });
    next = last + 1;
  }
  for (; next < stop; next++) branches.push(labelled(leaves[next], prefix));
  return branches;
}

function labelled(leaf: Branch, prefix: string): Branch {
  leaf.label = withoutPrefix(leaf.node.name, prefix);
  return leaf;
}

function blockNode(leaves: readonly Branch[], name: string): LayerNode {
  const last = leaves[leaves.length - 1].node;
  const path = last.path.slice(0, last.path.length - last.name.length) + name;
  const params = leaves.reduce((sum, { node }) => sum + node.params, 0);
  return { path, name, type: "Block", shape: last.shape, level: 0, parent: -1, spatial: false, params, inputs: [] };
}

/** Append the branches to the rows; return the number of their layers. */
function write(branches: readonly Branch[], parent: number, made: OutlineNode[], at: number[]): number {
  let layers = 0;
  for (const { node, index, label, inside } of branches) {
    const level = parent < 0 ? 0 : made[parent].level + 1;
    const { path, name, type, shape, spatial, absent, params, inputs } = node;
    const block = index < 0;
    // Spelled out: a spread with other values after it is twenty times slower in V8.
    const row = {
      path,
      name,
      type,
      shape,
      spatial,
      absent,
      params,
      inputs,
      level,
      parent,
      label,
      block,
      layers: 0,
      end: 0,
    };
    if (index >= 0) at[index] = made.length;
    made.push(row);
    row.layers = write(inside, made.length - 1, made, at);
    row.end = made.length;
    layers += row.layers + (row.block ? 0 : 1);
  }
  return layers;
}

function childrenOf(nodes: readonly LayerNode[]): Map<number, number[]> {
  const children = new Map<number, number[]>();
  nodes.forEach(({ parent }, index) => {
    if (!children.has(parent)) children.set(parent, []);
    children.get(parent)?.push(index);
  });
  return children;
}

/** Return for each parent the edges among its children, between positions in that list. */
function edgesAmongSiblings(nodes: readonly LayerNode[]): Map<number, Edge[]> {
  const counts = new Map<number, number>();
  const position = nodes.map(({ parent }) => {
    const count = counts.get(parent) ?? 0;
    counts.set(parent, count + 1);
    return count;
  });
  const edges = new Map<number, Edge[]>();
  nodes.forEach(({ inputs }, to) => {
    for (const from of inputs) {
      const ends = beneathCommon(nodes, from, to);
      const { parent } = nodes[ends[0]];
      const edge = [position[ends[0]], position[ends[1]]] as const;
      if (edge[0] >= edge[1]) continue;
      if (!edges.has(parent)) edges.set(parent, []);
      edges.get(parent)?.push(edge);
    }
  });
  return edges;
}

/** Return the siblings that two nodes are, or are inside of. */
function beneathCommon(nodes: readonly LayerNode[], a: number, b: number): Edge {
  while (nodes[a].level > nodes[b].level) a = nodes[a].parent;
  while (nodes[b].level > nodes[a].level) b = nodes[b].parent;
  while (nodes[a].parent !== nodes[b].parent) [a, b] = [nodes[a].parent, nodes[b].parent];
  return [a, b];
}
