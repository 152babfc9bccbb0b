import { type ReadonlySignal, useComputed, useSignal } from "@preact/signals";
import type { RefObject } from "preact";
import { useEffect } from "preact/hooks";

/** Short lists are rendered whole: simpler for whoever reads the page. */
const WHOLE = 250;
const SPARE = 12;

export interface Window {
  /** The first item to render and the one after the last. */
  range: ReadonlySignal<[number, number]>;
  /** The first item in view and the one after the last. */
  inView: ReadonlySignal<[number, number]>;
  /** Pixels that the list's box has along its axis; 0 while it is not laid out. */
  extent: ReadonlySignal<number>;
}

/** Which items of a long list lie in its scrolled box; each takes `pitch` pixels along the axis. */
export function useWindow(
  box: RefObject<HTMLElement | null>,
  count: ReadonlySignal<number>,
  pitch: number,
  axis: "x" | "y",
): Window {
  const offset = useSignal(0);
  const extent = useSignal(0);
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const look = () => {
      offset.value = axis === "x" ? element.scrollLeft : element.scrollTop;
      extent.value = axis === "x" ? element.clientWidth : element.clientHeight;
    };
    const observer = new ResizeObserver(look);
    observer.observe(element);
    element.addEventListener("scroll", look, { passive: true });
    look();
    return () => {
      observer.disconnect();
      element.removeEventListener("scroll", look);
    };
  }, []);
  const inView = useComputed<[number, number]>(() => [
    Math.max(0, Math.floor(offset.value / pitch)),
    Math.min(count.value, Math.ceil((offset.value + extent.value) / pitch)),
  ]);
  const range = useComputed<[number, number]>(() => {
    if (count.value <= WHOLE) return [0, count.value];
    const [first, last] = inView.value;
    return [Math.max(0, first - SPARE), Math.min(count.value, last + SPARE)];
  });
  return { range, inView, extent };
}

/** Scroll `box`, and nothing around it, until the item at `start` is in view. */
export function scrollToItem(box: HTMLElement, start: number, size: number, axis: "x" | "y"): void {
  const [at, extent] = axis === "x" ? [box.scrollLeft, box.clientWidth] : [box.scrollTop, box.clientHeight];
  if (extent === 0) return;
  let to = at;
  if (start < at) to = start - Math.min(size, (extent - size) / 2);
  else if (start + size > at + extent) to = start + size - extent + Math.min(size, (extent - size) / 2);
  if (to === at) return;
  if (axis === "x") box.scrollLeft = to;
  else box.scrollTop = to;
}
