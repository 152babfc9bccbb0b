import type { Bytes, FeatureContent, Fields, Problem, ProgressContent, Waiting } from "../messages.ts";

/** Who asks a feature of the kernel, as the client sees it. */
export interface FeatureListener<F extends Fields = Fields> {
  answered(content: FeatureContent, buffers: Bytes[]): void;
  failed(problem: Problem, request: F): void;
  /** How far the answer is, and what there is of it. */
  progress?(content: ProgressContent, buffers: Bytes[]): void;
  /** Of a queue: whether a request is under way. */
  waiting?(waiting: Waiting): void;
}
