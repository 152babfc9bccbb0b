import { useRef } from "preact/hooks";
import { used } from "../../host/keys.ts";
import { nextMatch } from "../../text/typeAhead.ts";
import { step } from "../controls/listKeys.ts";
import { choose, type OptionsProps } from "./classProps.ts";
import type { ClassRows } from "./useClassRows.ts";

/** Keys and clicks of the list. Arrows and letters pick; arrows with Ctrl only move, and Enter picks in three ways. */
export function useClassEvents(props: OptionsProps, { rows, cursor }: ClassRows) {
  const { box, found, labels, enabled, typeAhead, onPick } = props;

  function onKeyDown(event: KeyboardEvent) {
    if (event.altKey || /Left|Right/.test(event.key)) return;
    if (event.key.length === 1 && !event.ctrlKey && !event.metaKey) return find(event);
    const to = step(event.key, rows.indexOf(cursor.peek()), rows.length);
    if (event.key !== "Enter" && (to < 0 || event.shiftKey)) return;
    used(event);
    // First: taking the focus forces a layout of whatever changed before.
    box.current?.focus({ preventScroll: true });
    if (event.key === "Enter") choose(cursor.peek(), event, props);
    else if (event.ctrlKey || event.metaKey) cursor.value = rows[to];
    else if (enabled.peek()) onPick(rows[to]);
  }

  /** Pick the next class, in or out of view, whose label starts with what is typed. */
  function find(event: KeyboardEvent) {
    used(event);
    if (event.key === " " && !typeAhead.active) return;
    const all = found.peek();
    const begins = (at: number, text: string) => labels[all[at]].toLowerCase().startsWith(text);
    const at = nextMatch(all.length, all.indexOf(cursor.peek()), typeAhead.add(event.key), begins);
    if (at >= 0 && enabled.peek()) onPick(all[at]);
  }

  return { onKeyDown, ...usePress(props, cursor) };
}

/** Clicks. New scores can move another class under a pressed pointer: the pick applies to the pressed one. */
function usePress(props: OptionsProps, cursor: ClassRows["cursor"]) {
  const pressed = useRef(-1);

  function onPointerDown(event: PointerEvent) {
    pressed.current = indexAt(event);
  }

  function onClick(event: MouseEvent) {
    // Clicks by script or a screen reader have no `detail`, and no pointerdown before them.
    const index = event.detail > 0 ? pressed.current : indexAt(event);
    if (index < 0 || indexAt(event) < 0) return;
    choose(index, event, props);
    cursor.value = index;
  }

  return { onPointerDown, onClick };
}

/** Return the class of the row that an event is on; -1 if it is on none. */
function indexAt(event: Event): number {
  const row = (event.target as Element).closest<HTMLElement>("[role=option]");
  return row ? Number(row.dataset.index) : -1;
}
