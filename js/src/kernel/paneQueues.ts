import type { Choice, Fields, Problem, Progress, Result, Waiting } from "../messages.ts";
import type { FeatureListener } from "./feature.ts";
import type { Latest } from "./latest.ts";

export type Preview = Pick<Result, "choice" | "map" | "values" | "done" | "total">;

/** A pane, as the client sees it: what it shows is its map. */
export interface PaneListener {
  /** What it shows, or is about to show. */
  readonly choice: { peek(): Choice };
  /** Whether it shows that already. */
  readonly current: boolean;
  result(result: Result): void;
  progress(progress: Progress): void;
  /** The map so far. */
  preview(preview: Preview): void;
  failed(problem: Problem): void;
  waiting(waiting: Waiting): void;
}

/** What a pane asks of one feature. */
export interface FeatureQueue {
  readonly queue: Latest<Fields>;
  readonly listener: FeatureListener;
}

/** The latest-wins queues of one pane: for its map, and for what it asks of each feature, by name. */
export interface PaneQueues {
  readonly listener: PaneListener;
  readonly explain: Latest<Choice>;
  readonly features: Map<string, FeatureQueue>;
}

/** What can be done with a queue of whatever requests. */
export type AnyQueue = Omit<Latest<never>, "ask" | "asking" | "amend" | "expect">;

export function queuesOf({ explain, features }: PaneQueues): AnyQueue[] {
  return [explain, ...Array.from(features.values(), ({ queue }) => queue)];
}

/** Return the feature that was asked under that id; none for a map, or another pane's id. */
export function featureOf({ features }: PaneQueues, id: string | null): FeatureQueue | undefined {
  return id === null ? undefined : [...features.values()].find(({ queue }) => queue.asking(id));
}

/** Return the pane that a message is for: the one that sent the request, else the one that the message names. */
export function paneOf(panes: readonly PaneQueues[], id: string | null, pane = 0): PaneQueues | undefined {
  const asked = (queues: PaneQueues) => queues.explain.asking(id) ?? featureOf(queues, id);
  return (id !== null && panes.find(asked)) || panes[pane];
}
