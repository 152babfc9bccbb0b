import { computed, type ReadonlySignal } from "@preact/signals";
import type { Pane } from "./pane.ts";

/** Return what belongs to the active pane; `build` makes it once for each pane. */
export function perPane<T>(active: ReadonlySignal<Pane>, build: (pane: Pane) => T): ReadonlySignal<T> {
  const known = new WeakMap<Pane, T>();
  return computed(() => {
    const pane = active.value;
    const own = known.get(pane) ?? build(pane);
    known.set(pane, own);
    return own;
  });
}
