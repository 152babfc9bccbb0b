import { type ReadonlySignal, type Signal, useComputed, useSignalEffect } from "@preact/signals";
import type { RefObject } from "preact";
import { useMemo, useRef } from "preact/hooks";
import { edgesOf } from "../../graph/edges.ts";
import { gutterWidth, ROW_HEIGHT } from "../../graph/gutter.ts";
import type { Edge } from "../../graph/lanes.ts";
import type { OutlineNode } from "../../graph/outline.ts";
import { nextHit } from "../../graph/tree.ts";
import type { TreeState } from "../../state/viewState.ts";
import { formatCount } from "../../text/format.ts";
import { terms } from "../../text/query.ts";
import { SearchBox } from "../controls/SearchBox.tsx";
import { useOwnId } from "../hooks/useOwnId.ts";
import { DepthFoot, type DepthProps, DepthStrip } from "./Depth.tsx";
import { LayerCard } from "./LayerCard.tsx";
import { LayerRows } from "./LayerRows.tsx";
import { useGutter } from "./useGutter.ts";
import { type Shown, useHoverCard } from "./useHoverCard.ts";
import { type Tree, type TreeProps, treeSearchKeys, useTree, useTreeKeys } from "./useTree.ts";

interface Props extends TreeProps {
  /** The method explains the input, whatever layer is chosen. */
  unused: ReadonlySignal<boolean>;
  edgesKnown: boolean;
  depth: DepthProps;
}

export function LayerTree(props: Props) {
  const { nodes, unused, edgesKnown, view, depth } = props;
  const box = useRef<HTMLDivElement>(null);
  const tree = useTree(props, box);
  const edges = useMemo(() => (edgesKnown ? edgesOf(nodes) : []), [nodes]);
  const card = useHoverCard(tree.rows);
  const id = useOwnId();
  // While typing the first match from here on is active; Enter goes on from it.
  useSignalEffect(() => {
    const { value: found } = view.hits;
    if (!found.includes(view.active.peek())) view.open(nextHit(found, view.active.peek(), 1));
  });

  return (
    <section class="ke-sidebar ke-layers" {...card.handlers}>
      <SearchBox
        name="Find layer"
        query={view.layerQuery}
        count={<Count nodes={nodes} view={view} />}
        onKey={treeSearchKeys(props, box)}
      />
      {nodes.some(({ absent }) => absent) && <p class="ke-note">Layers in italics are not in this file.</p>}
      {!edgesKnown && <p class="ke-note">Rows are nested, without edges: this model has no graph.</p>}
      <div class="ke-tree-area">
        <Rows {...props} tree={tree} box={box} edges={edges} card={card.shown} cardId={id} />
        <DepthStrip {...depth} />
      </div>
      <div class="ke-footer">
        {unused.value ? (
          <span class="ke-unused">This method explains the input; the layer does not matter.</span>
        ) : (
          <DepthFoot {...depth} />
        )}
      </div>
      <Card id={id} shown={card.shown} nodes={nodes} edges={edges} />
    </section>
  );
}

interface RowsProps extends Props {
  tree: Tree;
  box: RefObject<HTMLDivElement | null>;
  edges: readonly Edge[];
  card: ReadonlySignal<Shown | null>;
  cardId: string;
}

function Rows(props: RowsProps) {
  const { nodes, chosen, unused, tree, box, edges } = props;
  const onKeyDown = useTreeKeys(props, tree);
  const gutter = useGutter(nodes, edges, tree.rows, chosen);
  return (
    <div ref={box} class="ke-scroll" data-unused={unused.value || undefined}>
      <div
        role="tree"
        aria-label="Layers"
        class="ke-tree"
        style={{
          height: `${tree.rows.value.length * ROW_HEIGHT}px`,
          "--gutter": `${gutterWidth(gutter.lanes.value)}px`,
        }}
        onKeyDown={onKeyDown}
        onClick={(event) => onClick(event, props)}
      >
        <LayerRows {...props} beside={gutter.at} />
      </div>
    </div>
  );
}

/** A click on a caret folds; one on a layer picks it, or folds where it cannot be explained. */
function onClick(event: MouseEvent, { nodes, enabled, view, tree, onPick }: RowsProps) {
  const element = (event.target as Element).closest<HTMLElement>(".ke-row");
  const row = tree.rows.peek().find(({ index }) => String(index) === element?.dataset.index);
  if (!row) return;
  const node = nodes[row.index];
  const onCaret = (event.target as Element).closest(".ke-caret") !== null;
  // First: taking the focus forces a layout of whatever changed before.
  element?.focus({ preventScroll: true });
  view.active.value = row.index;
  if (row.expandable && (onCaret || !node.spatial)) view.fold(row.index, row.expanded);
  else if (node.spatial && enabled.peek()) onPick(node.path);
}

/** The number of layers, or which of the matches is active. */
function Count({ nodes, view }: { nodes: readonly OutlineNode[]; view: TreeState }) {
  const count = useMemo(() => nodes.filter(({ block }) => !block).length, [nodes]);
  const text = useComputed(() => {
    const found = view.hits.value;
    if (terms(view.layerQuery.value).length === 0) return formatCount(count);
    if (found.length === 0) return "no match";
    return `${formatCount(found.indexOf(view.active.value) + 1)} of ${formatCount(found.length)}`;
  });
  return <>{text}</>;
}

interface CardProps {
  id: string;
  shown: Signal<Shown | null>;
  nodes: readonly OutlineNode[];
  edges: readonly Edge[];
}

function Card({ shown, ...props }: CardProps) {
  return shown.value && <LayerCard {...props} {...shown.value} />;
}
