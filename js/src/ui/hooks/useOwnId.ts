import { useRef } from "preact/hooks";

const LAST = Symbol.for("ke_widgets: last id");
type Counting = { [LAST]?: number };

/** Preact's `useId` counts per root, and every widget is a root with its own bundle: count per page instead. */
function newId(): string {
  const page = globalThis as Counting;
  page[LAST] = (page[LAST] ?? 0) + 1;
  return `ke-${page[LAST]}`;
}

/** An id that is unique in the document, however many widgets and views there are. */
export function useOwnId(): string {
  const id = useRef("");
  id.current ||= newId();
  return id.current;
}
