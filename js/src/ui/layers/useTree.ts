import { type ReadonlySignal, useComputed } from "@preact/signals";
import type { RefObject } from "preact";
import { useRef } from "preact/hooks";
import { ROW_HEIGHT } from "../../graph/gutter.ts";
import type { OutlineNode } from "../../graph/outline.ts";
import { nextByName, nextHit, type Row, visibleRows } from "../../graph/tree.ts";
import { used } from "../../host/keys.ts";
import type { TreeState } from "../../state/viewState.ts";
import type { TypeAhead } from "../../text/typeAhead.ts";
import { step } from "../controls/listKeys.ts";
import { useSyncEffect } from "../hooks/useSyncEffect.ts";
import { useVirtualList } from "../hooks/useVirtualList.ts";

const ROVING = "[tabindex='0']";

export interface TreeProps {
  typeAhead: TypeAhead;
  nodes: readonly OutlineNode[];
  chosen: ReadonlySignal<string>;
  /** There is a kernel. */
  enabled: ReadonlySignal<boolean>;
  view: TreeState;
  onPick(path: string): void;
}

export interface Tree {
  rows: ReadonlySignal<Row[]>;
  /** Position of the row with the keyboard focus; -1 if it is folded away. */
  at: ReadonlySignal<number>;
  range: ReadonlySignal<[number, number]>;
  activate(position: number, focus?: boolean): void;
  follow(): void;
}

/** The visible rows, the one with the keyboard focus, and the scrolling that keeps it in view. */
export function useTree({ nodes, chosen, view }: TreeProps, box: RefObject<HTMLElement | null>): Tree {
  const takeFocus = useRef(false);
  const rows = useComputed(() => visibleRows(nodes, view.folded.value));
  const count = useComputed(() => rows.value.length);
  const at = useComputed(() => rows.value.findIndex(({ index }) => index === view.active.value));
  const { range, laidOut, show } = useVirtualList(box, count, ROW_HEIGHT, "y");

  // Synchronous: an arrow key pressed right after a pick must not be undone by it.
  useSyncEffect(() => view.reveal(chosen.value));
  useSyncEffect(() => {
    if (laidOut.value) show(at.value);
  });

  function activate(position: number, focus = true) {
    const row = rows.peek()[position];
    if (!row || row.index === view.active.peek()) return;
    takeFocus.current = focus;
    view.active.value = row.index;
  }

  /** After rendering: move the focus to the active row. */
  function follow() {
    if (takeFocus.current) box.current?.querySelector<HTMLElement>(ROVING)?.focus({ preventScroll: true });
    takeFocus.current = false;
  }

  return { rows, at, range, activate, follow };
}

/** Keys of a tree: they move, fold, unfold and search; Enter and Space pick. */
export function useTreeKeys({ nodes, view, typeAhead, enabled, onPick }: TreeProps, { rows, at, activate }: Tree) {
  function turn(row: Row, open: boolean) {
    if (row.expandable && row.expanded !== open) view.fold(row.index, !open);
    else if (open && row.expandable) activate(at.peek() + 1);
    else if (!open) activate(rows.peek().findIndex(({ index }) => index === nodes[row.index].parent));
  }

  function find(letter: string) {
    activate(nextByName(nodes, rows.peek(), at.peek(), typeAhead.add(letter)));
  }

  function pick(row: Row) {
    const node = nodes[row.index];
    if (node.spatial && enabled.peek()) onPick(node.path);
    else if (row.expandable) view.fold(row.index, row.expanded);
  }

  return (event: KeyboardEvent) => {
    const { key, ctrlKey, metaKey, altKey } = event;
    const position = Math.max(0, at.peek());
    const row = rows.peek()[position];
    if (!row || ctrlKey || metaKey || altKey) return;
    if (key === "ArrowLeft" || key === "ArrowRight") turn(row, key === "ArrowRight");
    else if (step(key, position, rows.peek().length) >= 0) activate(step(key, position, rows.peek().length));
    else if (key === "Enter" || (key === " " && !typeAhead.active)) pick(row);
    else if (key.length === 1) find(key);
    else return;
    used(event);
  };
}

/** Keys of the search field above it: Enter steps through the matches, Shift+Enter back, Down enters the tree. */
export function treeSearchKeys({ view }: TreeProps, box: RefObject<HTMLElement | null>) {
  return (event: KeyboardEvent) => {
    if (event.key === "Enter") view.open(nextHit(view.hits.peek(), view.active.peek(), event.shiftKey ? -1 : 1));
    else if (event.key === "ArrowDown") box.current?.querySelector<HTMLElement>(ROVING)?.focus();
    else return;
    used(event);
  };
}
