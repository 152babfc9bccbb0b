import { type ReadonlySignal, type Signal, useComputed, useSignal } from "@preact/signals";
import type { RefObject } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { useAfterPaint } from "./useAfterPaint.ts";

/** Shorter lists are rendered whole: screen readers handle them better. */
const WHOLE = 40;
const SPARE = 6;
/** Assumed size of a box until it is laid out, in pixels; close to the real one, it saves a second render. */
const LIKELY = 420;

export interface Window {
  /** The first rendered item and the one after the last. */
  range: ReadonlySignal<[number, number]>;
  /** The first item in view and the one after the last. */
  inView: ReadonlySignal<[number, number]>;
  /** The box has a size: it can be scrolled. */
  laidOut: ReadonlySignal<boolean>;
  /** Scroll the box, and nothing around it, until an item is in view. */
  show(position: number): void;
}

/** Virtual list: which items of a long list are in its scrolled box; each takes `pitch` pixels along the axis. */
export function useVirtualList(
  box: RefObject<HTMLElement | null>,
  count: ReadonlySignal<number>,
  pitch: number,
  axis: "x" | "y",
): Window {
  const { offset, extent, side } = useScroll(box, axis);
  const inView = useComputed<[number, number]>(() => within(extent.value));
  const painted = useAfterPaint();
  const first = useComputed(() => rendered()[0]);
  const last = useComputed(() => rendered()[1]);
  const range = useComputed<[number, number]>(() => [first.value, last.value]);

  function within(extent: number): [number, number] {
    const start = Math.floor(offset.value / pitch);
    return [Math.max(0, start), Math.min(count.value, Math.ceil((offset.value + extent) / pitch))];
  }

  function rendered(): [number, number] {
    if (count.value <= WHOLE) return [0, count.value];
    const [start, end] = within(Math.max(extent.value, LIKELY));
    const spare = painted.value ? SPARE : 0;
    return [Math.max(0, start - spare), Math.min(count.value, end + spare)];
  }

  const scroll = useScrollAfterRender(box, side, offset);

  function show(position: number) {
    if (position < 0 || extent.peek() === 0) return;
    const to = scrollTo(offset.peek(), extent.peek(), position * pitch, pitch);
    if (to === offset.peek()) return;
    scroll(to);
  }
  return { range, inView, laidOut: useComputed(() => extent.value > 0), show };
}

type Side = "scrollLeft" | "scrollTop";

/** How far the box is scrolled and how large it is, in pixels along the axis. */
function useScroll(box: RefObject<HTMLElement | null>, axis: "x" | "y") {
  const offset = useSignal(0);
  const extent = useSignal(0);
  const side: Side = axis === "x" ? "scrollLeft" : "scrollTop";
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const scrolled = () => {
      offset.value = element[side];
    };
    // Measured only here, where the layout is done: reading sizes at other times forces a layout.
    const observer = new ResizeObserver(() => {
      extent.value = axis === "x" ? element.clientWidth : element.clientHeight;
      scrolled();
    });
    observer.observe(element);
    element.addEventListener("scroll", scrolled, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener("scroll", scrolled);
    };
  }, []);
  return { offset, extent, side };
}

/** Scroll the box after its items are rendered, so that they are laid out once. */
function useScrollAfterRender(box: RefObject<HTMLElement | null>, side: Side, offset: Signal<number>) {
  const aim = useRef<number | null>(null);
  const asked = useSignal(0);
  useLayoutEffect(() => {
    const element = box.current;
    if (!element || aim.current === null) return;
    element[side] = aim.current;
    aim.current = null;
    offset.value = element[side];
  }, [asked.value]);
  return (to: number) => {
    aim.current = offset.value = to;
    asked.value = asked.peek() + 1;
  };
}

/** Return where to scroll, so that `size` pixels at `start` are in view with a small margin. */
function scrollTo(offset: number, extent: number, start: number, size: number): number {
  const beside = Math.min(size, (extent - size) / 2);
  if (start < offset) return Math.max(0, start - beside);
  return start + size > offset + extent ? start + size - extent + beside : offset;
}
