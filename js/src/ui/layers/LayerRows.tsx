import { type ReadonlySignal, useComputed } from "@preact/signals";
import { useLayoutEffect, useMemo } from "preact/hooks";
import { ROW_HEIGHT } from "../../graph/gutter.ts";
import type { OutlineNode } from "../../graph/outline.ts";
import type { TreeState } from "../../state/viewState.ts";
import { terms } from "../../text/query.ts";
import type { Beside } from "./Gutter.tsx";
import { LayerRow } from "./LayerRow.tsx";
import type { Shown } from "./useHoverCard.ts";
import type { Tree } from "./useTree.ts";

interface Props {
  nodes: readonly OutlineNode[];
  chosen: ReadonlySignal<string>;
  /** There is a kernel. */
  enabled: ReadonlySignal<boolean>;
  view: TreeState;
  tree: Tree;
  /** Return the graph beside the row at a position. */
  beside(position: number): Beside;
  card: ReadonlySignal<Shown | null>;
  cardId: string;
}

/** The rows in view, the one with the keyboard focus, and the chosen one. */
export function LayerRows({ nodes, chosen, enabled, view, tree, beside, card, cardId }: Props) {
  const { rows, at, range, follow } = tree;
  const searching = useComputed(() => terms(view.layerQuery.value).length > 0).value;
  const start = useComputed(() => nodes.findIndex(({ path, block }) => path === chosen.value && !block)).value;
  const hits = view.hits.value;
  const hit = useMemo(() => new Set(hits), [hits]);
  const [first, last] = range.value;
  const roving = Math.max(0, at.value);
  const described = useComputed(() => card.value?.index).value;
  useLayoutEffect(follow, [at.value]);

  const isShown = (position: number) => position >= first && position < last;
  return rows.value.map((row, position) => {
    if (!(isShown(position) || position === roving || row.index === start)) return null;
    const node = nodes[row.index];
    return (
      <LayerRow
        key={row.index}
        node={node}
        row={row}
        top={position * ROW_HEIGHT}
        beside={beside(position)}
        chosen={row.index === start}
        holds={!row.expanded && start > row.index && start < node.end}
        active={position === roving}
        enabled={enabled}
        hit={hit.has(row.index)}
        hidden={row.expanded || !searching ? 0 : countWithin(hits, row.index + 1, node.end)}
        searching={searching}
        query={view.layerQuery}
        described={described === row.index ? cardId : undefined}
      />
    );
  });
}

/** Count the matches that are folded inside a row. */
function countWithin(hits: readonly number[], from: number, end: number): number {
  return hits.filter((hit) => hit >= from && hit < end).length;
}
