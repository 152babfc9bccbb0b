/**
 * Lanes of a graph drawn beside its rows, like a commit graph: the longest path from an input to an output is lane 0,
 * every other branch has a lane of its own, and edges that skip rows pass them in a free lane.
 */

/** From one row to another; to an earlier one where a layer is called again. */
export type Edge = readonly [from: number, to: number];

export interface Lanes {
  /** How many lanes there are. */
  count: number;
  /** Lane of each row's dot; -1 for a row without edges. */
  rows: Int32Array;
  /** Lane of each edge, from the row of its upper end to that of its lower end. */
  edges: Int32Array;
}

/**
 * The piece of an edge in one row: through it, from its dot to its lower border, or from its upper border to its dot.
 */
export interface Piece {
  kind: "through" | "out" | "in";
  lane: number;
  edge: number;
}

/** What occupies a lane: a branch with the edges that enter and leave it, or one edge that skips rows. */
interface Run {
  /** In half rows: a row's dot is at twice its index, its lower border is one more. */
  start: number;
  end: number;
  rows: number[];
  edges: number[];
}

export function assignLanes(rowCount: number, edges: readonly Edge[]): Lanes {
  const lanes = { count: 0, rows: new Int32Array(rowCount).fill(-1), edges: new Int32Array(edges.length).fill(-1) };
  if (edges.length === 0) return lanes;
  const [main, ...runs] = findRuns(rowCount, edges);
  place(main, 0, lanes);
  // Shortest first: short skips stay near, and long ones enclose them without crossing.
  runs.sort((a, b) => a.end - a.start - (b.end - b.start) || a.start - b.start);
  const taken: Uint8Array[] = [new Uint8Array(0)];
  for (const run of runs) {
    let lane = 1;
    while (taken[lane]?.subarray(run.start, run.end + 1).includes(1)) lane++;
    taken[lane] ??= new Uint8Array(2 * rowCount);
    taken[lane].fill(1, run.start, run.end + 1);
    place(run, lane, lanes);
  }
  return lanes;
}

function place(run: Run, lane: number, lanes: Lanes): void {
  for (const row of run.rows) lanes.rows[row] = lane;
  for (const edge of run.edges) lanes.edges[edge] = lane;
  lanes.count = Math.max(lanes.count, lane + 1);
}

/** All branches and skips, the main line first. */
function findRuns(rowCount: number, edges: readonly Edge[]): Run[] {
  const { head, next, pick, wish } = follow(rowCount, edges);
  const runs: Run[] = [];
  const kept = new Uint8Array(edges.length);
  for (const first of heads(rowCount, edges, next, head)) {
    const run: Run = { start: 2 * first, end: 2 * first, rows: [first], edges: [] };
    let last = first;
    for (let edge = next[last]; edge >= 0; edge = next[last]) {
      last = edges[edge][1];
      run.rows.push(last);
      run.edges.push(edge);
    }
    run.end = 2 * last;
    // The edges that enter and leave the branch stay in its lane.
    if (wish[first] >= 0) run.start = 2 * edges[wish[first]][0] + 1;
    if (wish[first] >= 0) run.edges.push(wish[first]);
    if (pick[last] >= 0) run.end = 2 * edges[pick[last]][1] - 1;
    if (pick[last] >= 0) run.edges.push(pick[last]);
    for (const edge of run.edges) kept[edge] = 1;
    runs.push(run);
  }
  edges.forEach(([from, to], edge) => {
    if (kept[edge]) return;
    runs.push({ start: 2 * Math.min(from, to) + 1, end: 2 * Math.max(from, to) - 1, rows: [], edges: [edge] });
  });
  return runs;
}

/** Return the rows that branches start with: those with edges that continue no other row; the main one first. */
function heads(rowCount: number, edges: readonly Edge[], next: Int32Array, main: number): number[] {
  const begins = new Uint8Array(rowCount);
  for (const [from, to] of edges) begins[from] = begins[to] = 1;
  for (const edge of next) if (edge >= 0) begins[edges[edge][1]] = 0;
  const rows = [...begins.keys()].filter((row) => begins[row] && row !== main);
  return main < 0 ? rows : [main, ...rows];
}

/**
 * Return for each row the edge that it continues with (`pick`: the longest way ahead) and the one that it continues
 * (`wish`: the longest way behind); where two rows agree, one is the `next` of the other.
 */
function follow(rowCount: number, edges: readonly Edge[]) {
  const depth = new Int32Array(rowCount);
  const height = new Int32Array(rowCount);
  const pick = new Int32Array(rowCount).fill(-1);
  const wish = new Int32Array(rowCount).fill(-1);
  const next = new Int32Array(rowCount).fill(-1);
  const forward = [...edges.keys()].filter((edge) => edges[edge][0] < edges[edge][1]);
  // Rows are in running order, so edges sorted by one end reach a row after all rows before it.
  for (const edge of [...forward].sort((a, b) => edges[a][1] - edges[b][1] || edges[b][0] - edges[a][0])) {
    const [from, to] = edges[edge];
    if (wish[to] >= 0 && depth[from] + 1 <= depth[to]) continue;
    depth[to] = depth[from] + 1;
    wish[to] = edge;
  }
  for (const edge of [...forward].sort((a, b) => edges[b][0] - edges[a][0] || edges[a][1] - edges[b][1])) {
    const [from, to] = edges[edge];
    if (pick[from] >= 0 && height[to] + 1 <= height[from]) continue;
    height[from] = height[to] + 1;
    pick[from] = edge;
  }
  const head = height.some(Boolean) ? height.indexOf(Math.max(...height)) : -1;
  for (let row = head; row >= 0 && pick[row] >= 0; row = edges[pick[row]][1]) wish[edges[pick[row]][1]] = pick[row];
  pick.forEach((edge, row) => {
    if (edge >= 0 && wish[edges[edge][1]] === edge) next[row] = edge;
  });
  return { head, next, pick, wish };
}

/** Return the pieces to draw in each row. */
export function piecesByRow(rowCount: number, edges: readonly Edge[], lanes: Lanes): Piece[][] {
  const rows: Piece[][] = Array.from({ length: rowCount }, () => []);
  edges.forEach(([from, to], edge) => {
    const lane = lanes.edges[edge];
    const [first, last] = from < to ? [from, to] : [to, from];
    rows[first].push({ kind: "out", lane, edge });
    for (let row = first + 1; row < last; row++) rows[row].push({ kind: "through", lane, edge });
    rows[last].push({ kind: "in", lane, edge });
  });
  return rows;
}
