import { effect } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";

/** Run synchronously when a signal changes; `useSignalEffect` waits for a frame, and so shows the change one later. */
export function useSyncEffect(run: () => void) {
  const newest = useRef(run);
  newest.current = run;
  useLayoutEffect(() => effect(() => newest.current()), []);
}
