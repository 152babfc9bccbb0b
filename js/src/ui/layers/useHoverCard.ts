import { type ReadonlySignal, type Signal, useSignal, useSignalEffect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Row } from "../../graph/tree.ts";

export interface Shown {
  /** Of the node. */
  index: number;
  /** Top of its row, in pixels from the top of the panel. */
  top: number;
}

/** Milliseconds that the pointer rests before the card opens, and that it may leave before the card closes. */
const OPEN_DELAY = 350;
const CLOSE_DELAY = 120;

/** Opens and closes the card of the row under the pointer, or of the one that the keyboard focused. */
export function useHoverCard(rows: ReadonlySignal<Row[]>) {
  const shown = useSignal<Shown | null>(null);
  const { after, stop } = useTimer();
  const moved = useMoved();
  // Folding and searching move rows away from under the card.
  useSignalEffect(() => {
    rows.value;
    stop();
    shown.value = null;
  });
  const show = (row: HTMLElement, delay: number) => after(delay, () => open(row, shown));
  const close = (delay: number) =>
    after(delay, () => {
      shown.value = null;
    });
  return { shown, handlers: { ...pointerHandlers(shown, moved, show, close, stop), ...closingHandlers(show, close) } };
}

type Show = (row: HTMLElement, delay: number) => void;
type Close = (delay: number) => void;

function pointerHandlers(
  shown: Signal<Shown | null>,
  moved: ReturnType<typeof useMoved>,
  show: Show,
  close: Close,
  stop: () => void,
) {
  return {
    onPointerMove: moved.now,
    onPointerOver(event: PointerEvent) {
      // A row that moves under a resting pointer is not hovered.
      if (event.pointerType === "touch" || !moved.now(event)) return;
      const row = rowOf(event);
      if (row) show(row, shown.peek() ? 0 : OPEN_DELAY);
      else if ((event.target as Element).closest(".ke-card")) stop();
      else close(CLOSE_DELAY);
    },
    onPointerLeave() {
      moved.reset();
      close(CLOSE_DELAY);
    },
  };
}

function closingHandlers(show: Show, close: Close) {
  const hide = () => close(0);
  return {
    onFocusIn(event: FocusEvent) {
      const row = rowOf(event);
      if (row?.matches(":focus-visible")) show(row, 0);
    },
    onFocusOut: hide,
    // After a pick the card would cover the picture.
    onPointerDown: hide,
    onKeyDownCapture(event: KeyboardEvent) {
      if (["Escape", "Enter", " "].includes(event.key)) hide();
    },
    onWheel: hide,
  };
}

const rowOf = (event: Event) => (event.target as Element).closest<HTMLElement>(".ke-row");

function open(row: HTMLElement, shown: Signal<Shown | null>) {
  const panel = row.closest(".ke-layers");
  if (!panel) return;
  const top = row.getBoundingClientRect().top - panel.getBoundingClientRect().top;
  shown.value = { index: Number(row.dataset.index), top };
}

/** One timer: starting it again replaces the previous callback. */
function useTimer() {
  const timer = useRef(0);
  const stop = () => clearTimeout(timer.current);
  useEffect(() => stop, []);
  function after(milliseconds: number, then: () => void) {
    stop();
    timer.current = setTimeout(then, milliseconds) as unknown as number;
  }
  return { after, stop };
}

/** Whether the pointer moved on the screen since the last event. */
function useMoved() {
  const last = useRef("");
  return {
    now({ screenX, screenY }: PointerEvent): boolean {
      const before = last.current;
      last.current = `${screenX} ${screenY}`;
      return last.current !== before;
    },
    reset() {
      last.current = "";
    },
  };
}
