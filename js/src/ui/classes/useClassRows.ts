import { useComputed, useSignal } from "@preact/signals";
import { firstRows } from "../../state/classOrder.ts";
import { useSyncEffect } from "../hooks/useSyncEffect.ts";
import { useVirtualList } from "../hooks/useVirtualList.ts";
import type { OptionsProps } from "./classProps.ts";

/** Rows that can be scrolled through; other classes are found by typing. */
const LIMIT = 100;
/** Pixels. */
export const HEIGHT = 24;

/** The rows of the list, the one with the keyboard cursor, and the scrolling that keeps it in view. */
export function useClassRows({ box, found, ranking, chosen }: OptionsProps) {
  const cursor = useSignal(chosen.peek());
  const pinned = useComputed(() => (found.value.indexOf(chosen.value) >= LIMIT ? chosen.value : -1));
  const listed = useComputed(() => firstRows(found.value, pinned.value, LIMIT));
  const count = useComputed(() => listed.value.rows.length);
  const { range, laidOut, show } = useVirtualList(box, count, HEIGHT, "y");
  // New scores move the rows, not the cursor: a second Shift+Enter must act on the same class as the first one.
  useSyncEffect(() => {
    cursor.value = chosen.value;
  });
  const scrollTo = (index: number) => show(listed.peek().rows.indexOf(index));
  useSyncEffect(() => {
    if (laidOut.value && ranking.value) scrollTo(chosen.value);
  });
  useSyncEffect(() => scrollTo(cursor.value));

  /** Return the positions to render: those in view, and for screen readers also the chosen row and the cursor's. */
  function rendered(): number[] {
    const { rows } = listed.value;
    const positions = new Set([rows.indexOf(chosen.value), rows.indexOf(cursor.value)].filter((at) => at >= 0));
    for (let at = range.value[0]; at < range.value[1]; at++) positions.add(at);
    return [...positions].sort((a, b) => a - b);
  }

  return { cursor, rows: listed.value.rows, more: listed.value.more, rendered };
}

export type ClassRows = ReturnType<typeof useClassRows>;
