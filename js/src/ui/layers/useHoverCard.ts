import { type ReadonlySignal, useSignal, useSignalEffect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Row } from "../../graph/tree.ts";

export interface Shown {
  /** Of the node. */
  index: number;
  /** Where its row is, in pixels from the top of the panel. */
  top: number;
}

/** Milliseconds that the pointer rests before the card comes, and that it may be away before the card goes. */
const REST = 350;
const AWAY = 120;

/** Which row the card tells of: the one under the pointer, or the one that the keyboard has come to. */
export function useHoverCard(rows: ReadonlySignal<Row[]>) {
  const shown = useSignal<Shown | null>(null);
  const timer = useRef(0);
  const pointer = useRef("");
  useEffect(() => () => clearTimeout(timer.current), []);
  // Rows that fold or are searched move away from under the card.
  useSignalEffect(() => {
    rows.value;
    clearTimeout(timer.current);
    shown.value = null;
  });

  function after(milliseconds: number, then: () => void) {
    clearTimeout(timer.current);
    timer.current = setTimeout(then, milliseconds) as unknown as number;
  }

  function show(row: HTMLElement) {
    const panel = row.closest(".ke-layers");
    if (!panel) return;
    const top = row.getBoundingClientRect().top - panel.getBoundingClientRect().top;
    shown.value = { index: Number(row.dataset.index), top };
  }

  const rowOf = (event: Event) => (event.target as Element).closest<HTMLElement>(".ke-row");
  const hide = () =>
    after(0, () => {
      shown.value = null;
    });

  const handlers = {
    onPointerMove: moved,
    onPointerOver(event: PointerEvent) {
      // Rows that move under a pointer at rest are not pointed at.
      if (event.pointerType === "touch" || !moved(event)) return;
      const row = rowOf(event);
      if (row) after(shown.peek() ? 0 : REST, () => show(row));
      else if ((event.target as Element).closest(".ke-card")) clearTimeout(timer.current);
      else onLeave();
    },
    onPointerLeave() {
      pointer.current = "";
      onLeave();
    },
    onFocusIn(event: FocusEvent) {
      const row = rowOf(event);
      if (row?.matches(":focus-visible")) after(0, () => show(row));
    },
    onFocusOut: hide,
    // Whoever has picked wants to see the picture that the card lies over.
    onPointerDown: hide,
    onKeyDownCapture(event: KeyboardEvent) {
      if (["Escape", "Enter", " "].includes(event.key)) hide();
    },
    onWheel: hide,
  };

  function moved({ screenX, screenY }: PointerEvent): boolean {
    const before = pointer.current;
    pointer.current = `${screenX} ${screenY}`;
    return pointer.current !== before;
  }

  function onLeave() {
    after(AWAY, () => {
      shown.value = null;
    });
  }

  return { shown, handlers };
}
