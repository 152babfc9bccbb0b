/**
 * The edges of a model, and which of them are visible when some rows are folded. All of them are visited before the
 * first paint, by code that V8 has not compiled yet: hence no array patterns (`[from, to]`), which iterate.
 */
import type { Edge } from "./lanes.ts";

/** The fields of a node that edges need; nodes come before those inside them. */
interface Nested {
  parent: number;
  inputs: readonly number[];
  /** One past the last node inside it, itself included. */
  end: number;
}

export function edgesOf(nodes: readonly { inputs: readonly number[] }[]): Edge[] {
  return nodes.flatMap(({ inputs }, to) => inputs.map((from): Edge => [from, to]));
}

export interface VisibleEdges {
  /** Between positions of `rows`, each once. */
  edges: Edge[];
  /** For each edge of the model the visible one that represents it; -1 where both ends are in one row. */
  shown: Int32Array;
}

/** Attach every edge to visible rows: what is inside a folded row attaches to that row. */
export function visibleEdges(
  nodes: readonly Nested[],
  rows: readonly { index: number }[],
  edges: readonly Edge[],
): VisibleEdges {
  const at = new Int32Array(nodes.length).fill(-1);
  rows.forEach(({ index }, position) => {
    at[index] = position;
  });
  nodes.forEach(({ parent }, index) => {
    if (at[index] < 0 && parent >= 0) at[index] = at[parent];
  });
  const known = new Map<number, number>();
  const visible: VisibleEdges = { edges: [], shown: new Int32Array(edges.length).fill(-1) };
  edges.forEach((ends, edge) => {
    const from = at[ends[0]];
    const to = at[ends[1]];
    if (from === to || from < 0 || to < 0) return;
    const key = from * rows.length + to;
    if (!known.has(key)) known.set(key, visible.edges.push([from, to]) - 1);
    visible.shown[edge] = known.get(key) as number;
  });
  return visible;
}

/** Return for each edge whether it is on a path from a node, or from inside it, to the outputs. */
export function pathToOutput(nodes: readonly Nested[], edges: readonly Edge[], start: number): boolean[] {
  const lit = edges.map(() => false);
  if (start < 0) return lit;
  const leaving = new Map<number, number[]>();
  edges.forEach((ends, edge) => {
    const others = leaving.get(ends[0]);
    if (others) others.push(edge);
    else leaving.set(ends[0], [edge]);
  });
  const { end } = nodes[start];
  const inside = (node: number) => node >= start && node < end;
  const waiting = edges.flatMap(([from, to], edge) => (inside(from) && !inside(to) ? [edge] : []));
  for (let edge = waiting.pop(); edge !== undefined; edge = waiting.pop()) {
    if (lit[edge]) continue;
    lit[edge] = true;
    waiting.push(...(leaving.get(edges[edge][1]) ?? []));
  }
  return lit;
}

/** Return the inputs of a node, or of what is inside it, and the nodes that it feeds. */
export function neighbours(nodes: readonly Nested[], edges: readonly Edge[], index: number) {
  const inside = (node: number) => node >= index && node < nodes[index].end;
  const self = (from: number, to: number) => from === to && from === index;
  const from = edges.filter(([a, b]) => inside(b) && (!inside(a) || self(a, b))).map(([a]) => a);
  const to = edges.filter(([a, b]) => inside(a) && (!inside(b) || self(a, b))).map(([, b]) => b);
  return { from: [...new Set(from)], to: [...new Set(to)] };
}
