import { effect } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";

/** Paint at once when a signal that was read changes; `useSignalEffect` waits for a frame, and so shows it one later. */
export function usePainting(paint: () => void) {
  const newest = useRef(paint);
  newest.current = paint;
  useLayoutEffect(() => effect(() => newest.current()), []);
}
