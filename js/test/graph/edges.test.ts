import { expect, test } from "vitest";
import { edgesOf, neighbours, pathToOutput, visibleEdges } from "../../src/graph/edges.ts";
import type { Edge } from "../../src/graph/lanes.ts";
import { outline } from "../../src/graph/outline.ts";
import { containers, visibleRows } from "../../src/graph/tree.ts";
import { GRAPHS, readGraph } from "../graphs.ts";
import { node } from "../model.ts";

// input -> m( a -> b, a -> c, b and c -> sum ) -> head; input skips to head.
const NODES = outline([
  node("input", -1, false, "InputLayer"),
  node("m"),
  { ...node("m/a", 1), inputs: [0] },
  { ...node("m/b", 1), inputs: [2] },
  { ...node("m/c", 1), inputs: [2] },
  { ...node("m/sum", 1), inputs: [3, 4] },
  { ...node("head"), inputs: [0, 5] },
  { ...node("other"), inputs: [4] },
]);
const EDGES = edgesOf(NODES);
const wired = (folded: number[]) => visibleEdges(NODES, visibleRows(NODES, new Set(folded)), EDGES);
const named = (edges: readonly Edge[], lit: boolean[]) =>
  edges.filter((_, edge) => lit[edge]).map(([from, to]) => `${NODES[from].name}-${NODES[to].name}`);

test("unfolded, every edge is visible as it is", () => {
  const { edges, shown } = wired([]);
  expect(edges).toEqual(EDGES);
  expect([...shown]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});

test("folded, what crosses the border attaches to the row, each edge once, and what is inside is gone", () => {
  const { edges, shown } = wired([1]);
  // Rows: input 0, m 1, head 2, other 3.
  expect(edges).toEqual([
    [0, 1],
    [0, 2],
    [1, 2],
    [1, 3],
  ]);
  expect([...shown]).toEqual([0, -1, -1, -1, -1, 1, 2, 3]);
});

test("the way to the output is all that the chosen one reaches, and nothing else", () => {
  expect(named(EDGES, pathToOutput(NODES, EDGES, 3))).toEqual(["b-sum", "sum-head"]);
  expect(named(EDGES, pathToOutput(NODES, EDGES, 4))).toEqual(["c-sum", "sum-head", "c-other"]);
  expect(named(EDGES, pathToOutput(NODES, EDGES, 1))).toEqual(["sum-head", "c-other"]);
  expect(pathToOutput(NODES, EDGES, 0).every(Boolean)).toBe(true);
  expect(pathToOutput(NODES, EDGES, -1).some(Boolean)).toBe(false);
});

test("a layer that feeds itself does not send the way in circles", () => {
  const nodes = outline([node("a"), { ...node("b"), inputs: [0, 1] }, { ...node("c"), inputs: [1] }]);
  expect(pathToOutput(nodes, edgesOf(nodes), 0)).toEqual([true, true, true]);
  expect(neighbours(nodes, edgesOf(nodes), 1)).toEqual({ from: [0, 1], to: [1, 2] });
});

test("the neighbours of a fold are outside of it", () => {
  expect(neighbours(NODES, EDGES, 1)).toEqual({ from: [0], to: [6, 7] });
  expect(neighbours(NODES, EDGES, 5)).toEqual({ from: [3, 4], to: [6] });
});

/** Of a node the row that it is in: looked up, one node at a time, without what `visibleEdges` knows. */
function rowOf(nodes: readonly { parent: number }[], rows: { index: number }[], index: number): number {
  for (let at = index; at >= 0; at = nodes[at].parent) {
    const row = rows.findIndex((candidate) => candidate.index === at);
    if (row >= 0) return row;
  }
  return -1;
}

test.each(GRAPHS)("%s: whatever is folded, no edge is lost and none is invented", (name) => {
  const nodes = outline(readGraph(name));
  const edges = edgesOf(nodes);
  const all = [...containers(nodes)];
  for (const every of [1, 2, 3]) {
    const rows = visibleRows(nodes, new Set(all.filter((_, at) => at % every === 0)));
    const own = nodes.map((_, index) => rowOf(nodes, rows, index));
    const wanted = edges.map(([from, to]) => [own[from], own[to]]).filter(([from, to]) => from !== to);
    const { edges: got, shown } = visibleEdges(nodes, rows, edges);
    expect(new Set(got.map(String))).toEqual(new Set(wanted.map(String)));
    expect(got).toHaveLength(new Set(got.map(String)).size);
    edges.forEach(([from, to], edge) => {
      if (own[from] === own[to]) expect(shown[edge]).toBe(-1);
      else expect(got[shown[edge]]).toEqual([own[from], own[to]]);
    });
  }
});
