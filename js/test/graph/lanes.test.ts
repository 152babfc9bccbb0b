import { expect, test } from "vitest";
import { edgesOf } from "../../src/graph/edges.ts";
import { assignLanes, type Edge, type Lanes, piecesByRow } from "../../src/graph/lanes.ts";
import { GRAPHS, randomEdges, readGraph } from "../graphs.ts";

const laid = (rows: number, edges: Edge[]) => {
  const { count, rows: ofRows, edges: ofEdges } = assignLanes(rows, edges);
  return { count, rows: [...ofRows], edges: [...ofEdges] };
};

// On paper: a row's number, and the lane that it is drawn in.

test("a chain runs down lane 0", () => {
  const edges: Edge[] = [
    [0, 1],
    [1, 2],
    [2, 3],
  ];
  expect(laid(4, edges)).toEqual({ count: 1, rows: [0, 0, 0, 0], edges: [0, 0, 0] });
});

test("a skip is an arc beside the chain", () => {
  const edges: Edge[] = [
    [0, 1],
    [1, 2],
    [2, 3],
    [0, 3],
  ];
  expect(laid(4, edges)).toEqual({ count: 2, rows: [0, 0, 0, 0], edges: [0, 0, 0, 1] });
});

test("skips one after the other share a lane, and one around another goes outside of it", () => {
  const chain = [0, 1, 2, 3, 4].map((row): Edge => [row, row + 1]);
  expect(laid(6, [...chain, [0, 2], [2, 4], [4, 5]]).count).toBe(2);
  expect(laid(6, [...chain, [0, 2], [2, 4]]).edges).toEqual([0, 0, 0, 0, 0, 1, 1]);
  expect(laid(6, [...chain, [0, 5], [1, 3]]).edges).toEqual([0, 0, 0, 0, 0, 2, 1]);
});

test("of two branches the longer stays in lane 0, the other has a lane from where they part to where they meet", () => {
  // 0 parts to 1 - 3 - 4 and to 2; 5 puts them together.
  const edges: Edge[] = [
    [0, 1],
    [0, 2],
    [1, 3],
    [3, 4],
    [2, 5],
    [4, 5],
  ];
  expect(laid(6, edges)).toEqual({ count: 2, rows: [0, 0, 1, 0, 0, 0], edges: [0, 1, 0, 0, 1, 0] });
});

test("two inputs: the second begins in its own lane and joins", () => {
  const edges: Edge[] = [
    [0, 2],
    [1, 3],
    [2, 3],
  ];
  expect(laid(4, edges)).toEqual({ count: 2, rows: [0, 1, 0, 0], edges: [0, 1, 0] });
});

test("two outputs: the second leaves in its own lane and ends there", () => {
  const edges: Edge[] = [
    [0, 1],
    [1, 2],
    [1, 3],
    [3, 4],
  ];
  expect(laid(5, edges)).toEqual({ count: 2, rows: [0, 0, 1, 0, 0], edges: [0, 1, 0, 0] });
});

test("a layer that is called again is fed from below by an arc", () => {
  const edges: Edge[] = [
    [0, 1],
    [1, 2],
    [2, 1],
    [2, 3],
  ];
  expect(laid(4, edges)).toEqual({ count: 2, rows: [0, 0, 0, 0], edges: [0, 0, 1, 0] });
});

test("a row without edges has no lane, and no edges need none", () => {
  expect(
    laid(4, [
      [0, 2],
      [2, 3],
    ]).rows,
  ).toEqual([0, -1, 0, 0]);
  expect(laid(3, [])).toEqual({ count: 0, rows: [-1, -1, -1], edges: [] });
});

/** Half a row of a lane that is taken; a dot takes both halves. */
function taken(rows: number, edges: readonly Edge[], lanes: Lanes): string[] {
  const halves = piecesByRow(rows, edges, lanes).flatMap((pieces, row) =>
    pieces.flatMap(({ kind, lane }) => {
      const own = lane === lanes.rows[row] && kind !== "through";
      if (own) return kind === "out" ? [`${row} foot ${lane}`] : [`${row} head ${lane}`];
      if (kind === "out") return [`${row} foot ${lane}`];
      if (kind === "in") return [`${row} head ${lane}`];
      return [`${row} head ${lane}`, `${row} dot ${lane}`, `${row} foot ${lane}`];
    }),
  );
  const dots = [...lanes.rows].flatMap((lane, row) => (lane < 0 ? [] : [`${row} dot ${lane}`]));
  return [...halves, ...dots];
}

function holds(rows: number, edges: readonly Edge[]) {
  const lanes = assignLanes(rows, edges);
  const places = taken(rows, edges, lanes);
  expect(new Set(places).size).toBe(places.length); // No two edges share a piece of a lane, none runs through a dot.
  const pieces = piecesByRow(rows, edges, lanes);
  const ends = pieces.flatMap((row, at) => row.filter(({ kind }) => kind !== "through").map(({ edge }) => [edge, at]));
  const drawn = edges.map((): number[] => []);
  for (const [edge, at] of ends) drawn[edge].push(at);
  // Each edge is drawn, from its one end to its other, once.
  expect(drawn).toEqual(edges.map(([from, to]) => [Math.min(from, to), Math.max(from, to)]));
}

test.each(GRAPHS)("%s: every edge is drawn once, in a lane to itself", (name) => {
  const nodes = readGraph(name);
  holds(nodes.length, edgesOf(nodes));
});

test("so it is in any graph", () => {
  for (let seed = 1; seed <= 60; seed++) holds(4 + (seed % 40), randomEdges(4 + (seed % 40), seed));
  const back = randomEdges(30, 7).map(([from, to], edge): Edge => (edge % 9 ? [from, to] : [to, from]));
  holds(30, back);
});

test("the longest way from an input to an output is in lane 0", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const edges = randomEdges(30, seed);
    const depth = new Array(30).fill(1);
    for (const [from, to] of [...edges].sort((a, b) => a[1] - b[1])) depth[to] = Math.max(depth[to], depth[from] + 1);
    expect(assignLanes(30, edges).rows.filter((lane) => lane === 0)).toHaveLength(Math.max(...depth));
  }
});

test("the same graph is drawn the same, in whatever order its edges are told", () => {
  const edges = edgesOf(readGraph("NASNetLarge"));
  const one = assignLanes(1039, edges);
  const other = assignLanes(1039, [...edges].reverse());
  expect(one).toEqual(assignLanes(1039, edges));
  expect(other.rows).toEqual(one.rows);
  expect([...other.edges].reverse()).toEqual([...one.edges]);
});

test("no more lanes than are needed: ResNet50V2 two, InceptionV3 six, NASNetLarge thirteen", () => {
  const count = (name: (typeof GRAPHS)[number]) => {
    const nodes = readGraph(name);
    return assignLanes(nodes.length, edgesOf(nodes)).count;
  };
  expect(count("ResNet50V2")).toBe(2);
  expect(count("InceptionV3")).toBe(6);
  expect(count("NASNetLarge")).toBe(13);
});
