import type { Bytes, ImagesContent, PredictionsContent, Problem, Progress, SideRequest, Traits } from "../messages.ts";

/** The page, as the client sees it; each pane is a `PaneListener` besides. */
export interface Listener {
  /** Return the page's current choice. */
  traits(): Traits;
  /** Python set traits. */
  chosen(changed: Partial<Traits>): void;
  images(content: ImagesContent, images: Bytes[]): void;
  predicted(content: PredictionsContent): void;
  requestFailed(request: SideRequest, problem: Problem): void;
  /** A model's weights have changed that many times. */
  generation(model: number, generation: number): void;
  /** An error that belongs to no pane. */
  problem(problem: Problem): void;
  /** Progress of the file that Python exports; null when it is done. */
  exporting(progress: Progress | null): void;
  /** The kernel was restarted. */
  gone(): void;
}
