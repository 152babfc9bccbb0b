import { type ReadonlySignal, useComputed } from "@preact/signals";
import { useRef } from "preact/hooks";
import { formatCount } from "../format.ts";
import { type Row, terms } from "../tree.ts";
import { LayerRow, ROW_HEIGHT } from "./LayerRow.tsx";
import { SearchBox } from "./SearchBox.tsx";
import { type TreeProps, treeSearchKeys, useTree, useTreeKeys } from "./useTree.ts";

interface Props extends TreeProps {
  /** The method looks at the input, whatever layer is chosen. */
  unused: ReadonlySignal<boolean>;
}

export function LayerTree(props: Props) {
  const { nodes, unused, view } = props;
  const box = useRef<HTMLDivElement>(null);
  const tree = useTree(props, box);
  const onKeyDown = useTreeKeys(props, tree);
  const { rows } = tree;
  const found = useComputed(() => rows.value.filter(({ hit }) => hit).length);
  const searching = terms(view.layerQuery.value).length > 0;
  return (
    <section class="ke-side ke-layers">
      <h3>
        Layers
        <span>
          {searching && `${formatCount(found.value)} of `}
          {formatCount(nodes.length)}
        </span>
      </h3>
      <SearchBox name="Find layer" query={view.layerQuery} onKey={treeSearchKeys(tree, box)} />
      {unused.value && <p class="ke-aside">This method explains the input: no layer is looked at.</p>}
      <div ref={box} class="ke-scroll" data-unused={unused.value || undefined}>
        <div
          role="tree"
          aria-label="Layers"
          class="ke-tree"
          style={{ height: `${rows.value.length * ROW_HEIGHT}px` }}
          onKeyDown={onKeyDown}
        >
          <Rows {...props} {...tree} />
        </div>
        {rows.value.length === 0 && <p class="ke-aside">No layer fits.</p>}
      </div>
    </section>
  );
}

/** The rows in view, and the one that the keyboard is on. */
function Rows({ nodes, chosen, enabled, view, onPick, rows, at, range }: Props & ReturnType<typeof useTree>) {
  const [first, last] = range.value;
  const roving = Math.max(0, at.value);

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
    return (
      <LayerRow
        key={row.index}
        node={nodes[row.index]}
        row={row}
        top={position * ROW_HEIGHT}
        chosen={nodes[row.index].path === chosen.value}
        active={position === roving}
        enabled={enabled.value}
        query={view.layerQuery}
        onClick={(event) => onClick(row, event)}
      />
    );
  });
}
