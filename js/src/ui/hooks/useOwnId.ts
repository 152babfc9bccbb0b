import { useRef } from "preact/hooks";

const LAST = Symbol.for("ke_widgets: last id");
type Counting = { [LAST]?: number };

/** Preact's `useId` counts anew in every root, and every widget is one, with a bundle of its own: the page counts. */
function newId(): string {
  const page = globalThis as Counting;
  page[LAST] = (page[LAST] ?? 0) + 1;
  return `ke-${page[LAST]}`;
}

/** An id that nothing else in the document has, however many widgets and views there are. */
export function useOwnId(): string {
  const id = useRef("");
  id.current ||= newId();
  return id.current;
}
