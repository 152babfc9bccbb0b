import type { Bytes, FeatureContent, Fields, Problem, ProgressContent } from "../messages.ts";
import type { FeatureListener } from "./feature.ts";
import { type FeatureQueue, featureOf, type PaneQueues } from "./paneQueues.ts";
import { Requests } from "./requests.ts";

/** Brings what the kernel's features say to who asked them: for the whole page, or for a pane. */
export class Features {
  #requests: Requests;
  /** Who asks for the whole page, by the feature's name. */
  #served = new Map<string, FeatureListener>();

  constructor(transport: ConstructorParameters<typeof Requests>[0]) {
    this.#requests = new Requests(transport);
  }

  /** Listen for a feature each of whose requests is answered; returns a function that asks it, until it is answered. */
  serve<F extends Fields>(feature: string, listener: FeatureListener<F>): (fields: F) => void {
    this.#served.set(feature, listener as FeatureListener<never>);
    return (fields) => this.#requests.ask({ kind: feature, fields });
  }

  answered(content: FeatureContent, buffers: Bytes[], panes: readonly PaneQueues[]): void {
    const { kind, id } = content;
    this.#requests.answered(id);
    const asked = this.#find(id, panes, kind);
    asked?.listener.answered(content, buffers);
    asked?.queue?.answered(id);
  }

  progress(content: ProgressContent, buffers: Bytes[], panes: readonly PaneQueues[]): void {
    const { id } = content;
    const asked = this.#find(id, panes, this.#requests.progressed(id)?.kind);
    asked?.queue?.progressed();
    asked?.listener.progress?.(content, buffers);
  }

  /** A request failed: return whether it was one to a feature. */
  failed(id: string | null, problem: Problem, panes: readonly PaneQueues[]): boolean {
    const request = this.#requests.answered(id);
    const asked = this.#find(id, panes, request?.kind);
    asked?.listener.failed(problem, request?.fields ?? asked.queue?.asking(id) ?? {});
    asked?.queue?.answered(id);
    return asked !== undefined;
  }

  stop(): void {
    this.#requests.stop();
  }

  /** Return who asked under that id; what Python asks of a feature goes by its name. */
  #find(
    id: string | null,
    panes: readonly PaneQueues[],
    kind = id ?? "",
  ): (Partial<FeatureQueue> & Listening) | undefined {
    for (const queues of panes) {
      const asked = featureOf(queues, id);
      if (asked) return asked;
    }
    const listener = this.#served.get(kind);
    return listener && { listener };
  }
}

type Listening = Pick<FeatureQueue, "listener">;
