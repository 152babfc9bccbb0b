import { type ReadonlySignal, useComputed } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { LayerNode } from "../contract.ts";
import { formatCount } from "../format.ts";
import { step, used } from "../keys.ts";
import type { ViewState } from "../store.ts";
import { nextHit, type Row, terms, typeAhead, visibleRows } from "../tree.ts";
import { LayerRow, ROW_HEIGHT } from "./LayerRow.tsx";
import { SearchBox } from "./SearchBox.tsx";
import { scrollToItem, useWindow } from "./useWindow.ts";

/** Letters typed within this many milliseconds make one word. */
const TYPING = 700;

interface Props {
  nodes: readonly LayerNode[];
  chosen: ReadonlySignal<string>;
  enabled: ReadonlySignal<boolean>;
  /** The method looks at the input, whatever layer is chosen. */
  idle: ReadonlySignal<boolean>;
  view: ViewState;
  onPick(path: string): void;
}

export function LayerTree({ nodes, chosen, enabled, idle, view, onPick }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const rows = useComputed(() => visibleRows(nodes, view.folded.value, view.layerQuery.value));
  const { range, extent } = useWindow(
    box,
    useComputed(() => rows.value.length),
    ROW_HEIGHT,
    "y",
  );
  const at = useComputed(() => rows.value.findIndex(({ index }) => index === view.active.value));
  const hits = useComputed(() => rows.value.filter(({ hit }) => hit).length);
  const takeFocus = useRef(false);

  useEffect(() => view.reveal(chosen.value), [chosen.value]);
  useEffect(() => {
    if (box.current && at.value >= 0) scrollToItem(box.current, at.value * ROW_HEIGHT, ROW_HEIGHT, "y");
    if (takeFocus.current) box.current?.querySelector<HTMLElement>("[tabindex='0']")?.focus({ preventScroll: true });
    takeFocus.current = false;
  }, [at.value, extent.value > 0]);

  function activate(position: number, focus = true) {
    const row = rows.peek()[position];
    if (!row) return;
    takeFocus.current = focus;
    view.active.value = row.index;
  }

  const onKeyDown = useTreeKeys({ nodes, rows, at, view, enabled, activate, onPick });

  function onSearchKey(event: KeyboardEvent) {
    if (event.key === "Enter") activate(nextHit(rows.peek(), at.peek(), event.shiftKey ? -1 : 1), false);
    else if (event.key === "ArrowDown") focusRow();
    else return;
    used(event);
  }

  function focusRow() {
    if (at.peek() < 0) activate(nextHit(rows.peek(), -1, 1));
    else box.current?.querySelector<HTMLElement>("[tabindex='0']")?.focus();
  }

  function onClick(row: Row, event: MouseEvent) {
    const node = nodes[row.index];
    view.active.value = row.index;
    const onCaret = (event.target as Element).closest(".ke-caret") !== null;
    if (row.expandable && (onCaret || !node.spatial)) view.fold(row.index, row.expanded);
    else if (node.spatial && enabled.peek()) onPick(node.path);
    (event.currentTarget as HTMLElement).focus({ preventScroll: true });
  }

  const [first, last] = range.value;
  const shown = rows.value.map((row, position) => ({ row, position }));
  const roving = Math.max(0, at.value);
  return (
    <section class="ke-side ke-layers">
      <h3>
        Layers
        <span>
          {terms(view.layerQuery.value).length ? `${formatCount(hits.value)} of ` : ""}
          {formatCount(nodes.length)}
        </span>
      </h3>
      <SearchBox name="Find layer" query={view.layerQuery} onKey={onSearchKey} />
      {idle.value && <p class="ke-aside">This method explains the input: no layer is looked at.</p>}
      <div ref={box} class="ke-scroll" data-idle={idle.value || undefined}>
        <div
          role="tree"
          aria-label="Layers"
          class="ke-tree"
          style={{ height: `${rows.value.length * ROW_HEIGHT}px` }}
          onKeyDown={onKeyDown}
        >
          {shown
            .filter(({ position }) => (position >= first && position < last) || position === roving)
            .map(({ row, position }) => (
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
            ))}
        </div>
        {rows.value.length === 0 && <p class="ke-aside">No layer fits.</p>}
      </div>
    </section>
  );
}

interface TreeKeys extends Pick<Props, "nodes" | "view" | "enabled" | "onPick"> {
  rows: ReadonlySignal<Row[]>;
  at: ReadonlySignal<number>;
  activate(position: number): void;
}

/** The keys of a tree: they move, fold, unfold and find; Enter and Space pick. */
function useTreeKeys({ nodes, rows, at, view, enabled, activate, onPick }: TreeKeys) {
  const typed = useRef({ text: "", time: 0 });

  function fold(row: Row, key: string): boolean {
    const open = key === "ArrowRight";
    if (row.expandable && row.expanded !== open && !view.layerQuery.peek()) view.fold(row.index, !open);
    else if (open && row.expandable) activate(at.peek() + 1);
    else if (!open) activate(rows.peek().findIndex(({ index }) => index === nodes[row.index].parent));
    return true;
  }

  function find(letter: string): boolean {
    const now = performance.now();
    typed.current = { text: now - typed.current.time < TYPING ? typed.current.text + letter : letter, time: now };
    activate(typeAhead(nodes, rows.peek(), at.peek(), typed.current.text));
    return true;
  }

  function pick(row: Row): boolean {
    const node = nodes[row.index];
    if (node.spatial && enabled.peek()) onPick(node.path);
    else if (row.expandable) view.fold(row.index, row.expanded);
    return true;
  }

  return (event: KeyboardEvent) => {
    const row = rows.peek()[Math.max(0, at.peek())];
    if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
    if (handle(event.key, row)) used(event);
  };

  function handle(key: string, row: Row): boolean {
    if (key === "ArrowLeft" || key === "ArrowRight") return fold(row, key);
    const to = step(key, Math.max(0, at.peek()), rows.peek().length);
    if (to >= 0) activate(to);
    else if (key === "Enter" || key === " ") return pick(row);
    else if (key.length === 1) return find(key);
    return to >= 0;
  }
}
