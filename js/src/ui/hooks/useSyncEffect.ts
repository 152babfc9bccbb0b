import { effect } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";

/** Run at once when a signal that was read changes; `useSignalEffect` waits for a frame, and so shows it one later. */
export function useSyncEffect(run: () => void) {
  const newest = useRef(run);
  newest.current = run;
  useLayoutEffect(() => effect(() => newest.current()), []);
}
