import { type ReadonlySignal, useComputed } from "@preact/signals";
import { useMemo, useRef } from "preact/hooks";
import { pathToOutput, visibleEdges } from "../../graph/edges.ts";
import { assignLanes, type Edge, type Lanes, type Piece, piecesByRow } from "../../graph/lanes.ts";
import type { OutlineNode } from "../../graph/outline.ts";
import type { Row } from "../../graph/tree.ts";
import type { Beside } from "./Gutter.tsx";

const NOTHING: Beside = { lanes: 1, lane: 0, pieces: [], lit: [] };

/**
 * The graph beside each row: the edges among visible rows, with those from the chosen one to the output highlighted.
 * Unchanged rows get the same object, so that they are not rendered again.
 */
export function useGutter(
  nodes: readonly OutlineNode[],
  edges: readonly Edge[],
  rows: ReadonlySignal<Row[]>,
  chosen: ReadonlySignal<string>,
) {
  const drawn = useComputed(() => {
    if (edges.length === 0) return null;
    const visible = visibleEdges(nodes, rows.value, edges);
    const lanes = assignLanes(rows.value.length, visible.edges);
    return { ...visible, lanes, pieces: piecesByRow(rows.value.length, visible.edges, lanes) };
  });
  const starts = useMemo(() => new Map(nodes.map(({ path, block }, index) => [block ? "" : path, index])), [nodes]);
  const way = useComputed(() => pathToOutput(nodes, edges, starts.get(chosen.value) ?? -1));
  const lit = useComputed(() => {
    const shown: boolean[] = [];
    way.value.forEach((on, edge) => {
      const stands = drawn.value?.shown[edge] ?? -1;
      if (on && stands >= 0) shown[stands] = true;
    });
    return shown;
  });
  const beside = useRows(drawn, lit);
  const lanes = useComputed(() => drawn.value?.lanes.count ?? 1);
  return { lanes, at: (position: number): Beside => beside.value[position] ?? NOTHING };
}

interface Drawn {
  lanes: Lanes;
  pieces: Piece[][];
}

/** The graph beside each row; unchanged rows get the same object as before, so that they are not rendered again. */
function useRows(drawn: ReadonlySignal<Drawn | null>, lit: ReadonlySignal<boolean[]>): ReadonlySignal<Beside[]> {
  const before = useRef<(Beside | undefined)[]>([]);
  return useComputed(() => {
    if (!drawn.value) return [];
    const { lanes, pieces } = drawn.value;
    const now = pieces.map((own, position): Beside => {
      const one = {
        lanes: lanes.count,
        lane: lanes.rows[position],
        pieces: own,
        lit: own.map(({ edge }) => lit.value[edge] ?? false),
      };
      const old = before.current[position];
      return old && same(old, one) ? old : one;
    });
    before.current = now;
    return now;
  });
}

function same(a: Beside, b: Beside): boolean {
  return a.pieces === b.pieces && a.lit.every((on, i) => on === b.lit[i]);
}
