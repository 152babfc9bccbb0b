import { type ReadonlySignal, useComputed } from "@preact/signals";
import { useMemo, useRef } from "preact/hooks";
import { pathToOutput, visibleEdges } from "../../graph/edges.ts";
import { assignLanes, cut, type Edge, type Lanes, type Piece } from "../../graph/lanes.ts";
import type { OutlineNode } from "../../graph/outline.ts";
import type { Row } from "../../graph/tree.ts";
import type { Beside } from "./Gutter.tsx";

const NOTHING: Beside = { lanes: 1, lane: 0, pieces: [], lit: [] };

/**
 * What is drawn beside each row: the edges among the rows on show, those on the chosen one's way to the output lit. Where
 * that stays what it was it is the same object, and so the row is not drawn again.
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
    return { ...visible, lanes, pieces: cut(rows.value.length, visible.edges, lanes) };
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

/** What is drawn beside each row; the same object as before where nothing changed, so that the row is not rendered again. */
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
