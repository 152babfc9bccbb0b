import type { Problem, Traits } from "../messages.ts";

/** The page, as the client sees it; each pane is a `PaneListener` besides, and who asks a feature a `FeatureListener`. */
export interface Listener {
  /** Return the page's current choice. */
  traits(): Traits;
  /** Python set traits. */
  chosen(changed: Partial<Traits>): void;
  /** A model's weights have changed that many times. */
  generation(model: number, generation: number): void;
  /** An error that belongs to no pane. */
  problem(problem: Problem): void;
  /** The kernel was restarted. */
  gone(): void;
}
