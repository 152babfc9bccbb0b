import { type ReadonlySignal, useComputed, useSignalEffect } from "@preact/signals";
import { useId, useMemo, useRef } from "preact/hooks";
import { formatCount } from "../format.ts";
import { gutterWidth, ROW_HEIGHT } from "../gutter.ts";
import { nextHit, type Row, terms } from "../tree.ts";
import { edgesOf } from "../wiring.ts";
import { LayerCard } from "./LayerCard.tsx";
import { LayerRow } from "./LayerRow.tsx";
import { SearchBox } from "./SearchBox.tsx";
import { useCard } from "./useCard.ts";
import { useGutter } from "./useGutter.ts";
import { type TreeProps, treeSearchKeys, useTree, useTreeKeys } from "./useTree.ts";

interface Props extends TreeProps {
  /** The method looks at the input, whatever layer is chosen. */
  unused: ReadonlySignal<boolean>;
  edgesKnown: boolean;
}

export function LayerTree(props: Props) {
  const { nodes, chosen, unused, edgesKnown, view } = props;
  const box = useRef<HTMLDivElement>(null);
  const tree = useTree(props, box);
  const onKeyDown = useTreeKeys(props, tree);
  const { rows } = tree;
  const searching = useComputed(() => terms(view.layerQuery.value).length > 0);
  const edges = useMemo(() => (edgesKnown ? edgesOf(nodes) : []), [nodes]);
  const beside = useGutter(nodes, edges, rows, chosen);
  const card = useCard(rows);
  const id = useId();
  const hits = view.hits.value;
  const place = hits.indexOf(view.active.value) + 1;
  // The first hit from here on is shown as one types; Enter goes on from it.
  useSignalEffect(() => {
    const { value: found } = view.hits;
    if (!found.includes(view.active.peek())) view.open(nextHit(found, view.active.peek(), 1));
  });
  const count = useMemo(() => nodes.filter(({ block }) => !block).length, [nodes]);
  return (
    <section class="ke-side ke-layers" {...card.handlers}>
      <h3>
        Layers
        <span aria-live="polite">
          {!searching.value
            ? formatCount(count)
            : hits.length === 0
              ? "none fits"
              : `${formatCount(place)} of ${formatCount(hits.length)}`}
        </span>
      </h3>
      <SearchBox name="Find layer" query={view.layerQuery} onKey={treeSearchKeys(props, box)} />
      {unused.value && <p class="ke-aside">This method explains the input: no layer is looked at.</p>}
      {nodes.some(({ absent }) => absent) && <p class="ke-aside">Those in italics have no map in this file.</p>}
      {!edgesKnown && <p class="ke-aside">Rows are by nesting, without edges: this model has no graph to read.</p>}
      <div ref={box} class="ke-scroll" data-unused={unused.value || undefined}>
        <div
          role="tree"
          aria-label="Layers"
          class="ke-tree"
          style={{
            height: `${rows.value.length * ROW_HEIGHT}px`,
            "--gutter": `${gutterWidth(beside.value(0).lanes)}px`,
          }}
          onKeyDown={onKeyDown}
        >
          <Rows {...props} {...tree} beside={beside} searching={searching.value} card={card.shown} cardId={id} />
        </div>
      </div>
      {card.shown.value && <LayerCard id={id} nodes={nodes} edges={edges} {...card.shown.value} />}
    </section>
  );
}

interface RowsProps extends Props, ReturnType<typeof useTree> {
  beside: ReturnType<typeof useGutter>;
  searching: boolean;
  card: ReturnType<typeof useCard>["shown"];
  cardId: string;
}

/** The rows in view, and the one that the keyboard is on. */
function Rows(props: RowsProps) {
  const { nodes, chosen, enabled, view, onPick, rows, at, range, beside, searching, card, cardId } = props;
  const [first, last] = range.value;
  const roving = Math.max(0, at.value);
  const hits = new Set(view.hits.value);
  const described = card.value?.index;
  const start = nodes.findIndex(({ path, block }) => path === chosen.value && !block);

  function onClick(row: Row, event: MouseEvent) {
    const node = nodes[row.index];
    const onCaret = (event.target as Element).closest(".ke-caret") !== null;
    view.active.value = row.index;
    if (row.expandable && (onCaret || !node.spatial)) view.fold(row.index, row.expanded);
    else if (node.spatial && enabled.peek()) onPick(node.path);
    (event.currentTarget as HTMLElement).focus({ preventScroll: true });
  }

  return rows.value.map((row, position) => {
    const rendered = (position >= first && position < last) || position === roving;
    if (!rendered) return null;
    const node = nodes[row.index];
    return (
      <LayerRow
        key={row.index}
        node={node}
        row={row}
        top={position * ROW_HEIGHT}
        beside={beside.value(position)}
        chosen={row.index === start}
        holds={!row.expanded && start > row.index && start < node.end}
        active={position === roving}
        enabled={enabled.value}
        hit={hits.has(row.index)}
        hidden={row.expanded || !searching ? 0 : countWithin(view.hits.value, row.index + 1, node.end)}
        searching={searching}
        query={view.layerQuery}
        described={described === row.index ? cardId : undefined}
        onClick={(event) => onClick(row, event)}
      />
    );
  });
}

/** How many of the hits are folded away inside a row. */
function countWithin(hits: readonly number[], from: number, end: number): number {
  return hits.filter((hit) => hit >= from && hit < end).length;
}
