import type { Choice, Problem, Progress, Result, Waiting } from "../messages.ts";
import type { AllLayers } from "./allLayers.ts";
import type { Latest } from "./latest.ts";

/** The kinds of request that a pane makes, as the messages call them. */
export type Work = "explain" | "all_layers";

export type Preview = Pick<Result, "choice" | "map" | "values" | "done" | "total">;

/** A pane, as the client sees it. */
export interface PaneListener {
  /** What it shows, or is about to show. */
  readonly choice: { peek(): Choice };
  /** Whether it shows that already. */
  readonly current: boolean;
  result(result: Result): void;
  allLayersResult(allLayers: AllLayers): void;
  progress(work: Work, progress: Progress): void;
  /** The map so far. */
  preview(preview: Preview): void;
  failed(work: Work, problem: Problem): void;
  waiting(work: Work, waiting: Waiting): void;
}

/** Two latest-wins queues of one pane: for its map, and for the maps of all layers. */
export interface PaneQueues {
  readonly listener: PaneListener;
  readonly explain: Latest;
  readonly allLayers: Latest;
}

export function queueOf({ explain, allLayers }: PaneQueues, work: Work): Latest {
  return work === "all_layers" ? allLayers : explain;
}

/** Return which of the two queues sent that id; null if neither did. */
export function workOf({ explain, allLayers }: PaneQueues, id: string | null): Work | null {
  if (explain.asking(id)) return "explain";
  return id !== null && allLayers.asking(id) ? "all_layers" : null;
}
