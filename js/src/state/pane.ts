import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { AllLayers, type AllLayersContent } from "../kernel/allLayers.ts";
import type { Client } from "../kernel/client.ts";
import type { Latest } from "../kernel/latest.ts";
import type { PaneListener, PaneQueues, Preview } from "../kernel/paneQueues.ts";
import type { Choice, Overrides, Problem, Progress, Result, Waiting } from "../messages.ts";
import type { Photo, Picture } from "../picture/picture.ts";
import type { Catalog } from "./catalog.ts";
import { sameScores } from "./scores.ts";

/** Fields of a result that a preview lacks. */
const UNKNOWN = {
  kind: "result",
  id: null,
  serial: 0,
  generation: 0,
  scores: new Float32Array(),
  scores_kind: "probability",
  milliseconds: 0,
  empty_reason: null,
} as const;

/** What a pane needs of the page. */
export interface PaneContext {
  catalog: Catalog;
  client: Client;
  /** Return the image, or null while it loads. */
  image(index: number): Photo | null;
}

let count = 0;

/** One picture with its map, kept up to date with its choice. The main pane and the others are of the same class. */
export class Pane implements PaneListener {
  /** Does not change when panes before it are closed. */
  readonly id = ++count;
  /** The choices of this pane itself; all others are those of its base. */
  readonly own: Signal<Overrides>;
  readonly choice: ReadonlySignal<Choice>;
  readonly picture = signal<Picture | null>(null);
  /** The newest complete result, of whichever choice. */
  readonly latest = signal<Result | null>(null);
  readonly awaited = signal<Waiting>("idle");
  readonly allLayersWaiting = signal<Waiting>("idle");
  readonly working = signal<Progress | null>(null);
  /** Why the last choice has no map. */
  readonly problem = signal<Problem | null>(null);
  /** The maps of all layers for the current choice, once they arrived. */
  readonly allLayers: ReadonlySignal<AllLayers | null>;
  /** The picture is not yet that of the current choice. */
  readonly late: ReadonlySignal<boolean>;
  readonly queues: PaneQueues;

  #context: PaneContext;
  #allLayersQueue: Latest<{ choice: Choice }>;
  #newestAllLayers = signal<AllLayers | null>(null);
  #preview: Result | null = null;
  /** Depth was used last: fetch all layers of the next choice too. */
  #prefetch = false;
  /** The map is one of `allLayers`: answers to older requests are outdated. */
  #drawn = false;
  /** Key of the choice whose layers could not be computed at once; it is not requested again. */
  #allLayersFailed = "";

  constructor(context: PaneContext, own: Signal<Overrides>, base: ReadonlySignal<Choice> | null) {
    const { catalog } = context;
    this.#context = context;
    this.own = own;
    this.choice = computed(() => catalog.fit({ ...base?.value, ...own.value } as Choice));
    this.allLayers = computed(() => {
      const newest = this.#newestAllLayers.value;
      const same = newest && catalog.key(newest.content.choice, true) === catalog.key(this.choice.value, true);
      return same && catalog.fresh(newest.content) ? newest : null;
    });
    this.late = computed(() => {
      const shown = this.picture.value?.result?.choice;
      return this.awaited.value !== "idle" && !(shown && catalog.key(shown) === catalog.key(this.choice.value));
    });
    this.queues = context.client.connect(this);
    this.#allLayersQueue = context.client.open(this.queues, "all_layers", {
      answered: (content, [maps]) => this.#allLayersResult(new AllLayers(content as AllLayersContent, maps)),
      failed: (problem) => {
        this.#allLayersFailed = this.#context.catalog.key(this.choice.peek(), true);
        this.problem.value = problem;
      },
      progress: (progress) => this.progress(progress),
      waiting: (waiting) => {
        this.allLayersWaiting.value = waiting;
        if (waiting === "idle" && this.idle) this.working.value = null;
      },
    });
  }

  /** A view opened: request the map, unless it is here or under way. `expected`: the kernel sends it unasked. */
  open(expected: boolean): void {
    if (this.current || !this.idle) return;
    if (expected) this.queues.explain.expect(this.choice.peek());
    else this.queues.explain.ask(this.choice.peek());
  }

  get key(): string {
    return this.#context.catalog.key(this.choice.peek());
  }

  get idle(): boolean {
    return this.awaited.peek() === "idle" && this.allLayersWaiting.peek() === "idle";
  }

  /** Whether the newest result is of the current choice and of the model's current weights. */
  get current(): boolean {
    const latest = this.latest.peek();
    const { catalog } = this.#context;
    return latest !== null && catalog.key(latest.choice) === this.key && catalog.fresh(latest);
  }

  // Called for the user.

  /** Show the map of the current choice. While `moving` through depth it comes from `allLayers`, without a request. */
  load(moving = false): void {
    this.problem.value = null;
    if (moving && this.#draw()) return;
    this.#drawn = false;
    if (!this.current || this.awaited.peek() !== "idle") this.queues.explain.ask(this.choice.peek());
    this.refresh();
  }

  /** Request the map again where the model's weights have changed. */
  refetch(): void {
    if (this.idle && this.#stale) this.load();
  }

  get #stale(): boolean {
    const latest = this.latest.peek();
    return latest !== null && !this.#context.catalog.fresh(latest);
  }

  /** A choice changed on which the map does not depend. */
  amend(): void {
    this.queues.explain.amend(this.choice.peek());
  }

  /** Request the maps of all layers, and from now on those of each new choice. */
  fetchAllLayers(): void {
    this.#prefetch = true;
    const choice = this.choice.peek();
    const { catalog } = this.#context;
    const key = catalog.key(choice, true);
    if (this.allLayers.peek() || catalog.whyNotAllLayers(choice) || key === this.#allLayersFailed) return;
    if (this.idle) this.#allLayersQueue.ask({ choice });
  }

  /** A single layer was picked: fetch no more than its map. */
  stopPrefetch(): void {
    this.#prefetch = false;
  }

  dropAllLayers(): void {
    this.stopPrefetch();
    this.#newestAllLayers.value = null;
    if (this.allLayersWaiting.peek() !== "idle") this.#allLayersQueue.cancel();
  }

  /** Cancel the maps that this pane requested. */
  cancel(): void {
    this.queues.explain.cancel();
    this.#allLayersQueue.cancel();
  }

  /** Start with the results of another pane that has the same choice. */
  copyFrom(other: Pane): void {
    this.latest.value = other.latest.peek();
    this.#newestAllLayers.value = other.#newestAllLayers.peek();
    this.refresh();
  }

  // Called by the client.

  result(result: Result): void {
    const latest = this.latest.peek();
    if (latest && result.serial <= latest.serial) return;
    if (this.#drawn && this.#context.catalog.key(result.choice) !== this.key) return;
    this.#preview = null;
    batch(() => {
      this.problem.value = null;
      this.latest.value = keepScores(result, latest);
      this.working.value = null;
      this.refresh();
    });
  }

  preview(preview: Preview): void {
    if (this.#context.catalog.key(preview.choice) !== this.key) return;
    const latest = this.latest.peek();
    const same = latest && sameInput(latest.choice, preview.choice);
    this.#preview = { ...(same ? latest : UNKNOWN), ...preview, preview: true };
    this.refresh();
  }

  progress({ done, total, text }: Progress): void {
    this.working.value = { done, total, text };
  }

  failed(problem: Problem): void {
    this.problem.value = problem;
  }

  waiting(waiting: Waiting): void {
    this.awaited.value = waiting;
    if (waiting !== "idle") return;
    if (this.idle) this.working.value = null;
    if (this.#preview) {
      this.#preview = null;
      this.refresh();
    }
    if (this.#prefetch && !this.#stale) this.fetchAllLayers();
  }

  /** Show the chosen image as soon as it is loaded, with its own map or none: never under another image's map. */
  refresh(): void {
    const { image_index: index } = this.choice.peek();
    const latest = this.#preview ?? this.latest.peek();
    const shown = this.picture.peek();
    const photo = this.#context.image(index);
    const own = latest?.choice.image_index;
    if (photo)
      this.#show({ index, ...photo, result: own === index ? latest : shown?.index === index ? shown.result : null });
    else if (shown && own === shown.index) this.#show({ ...shown, result: latest });
  }

  #allLayersResult(allLayers: AllLayers): void {
    batch(() => {
      this.#newestAllLayers.value = allLayers;
      this.working.value = null;
      if (!this.current) this.#draw();
    });
  }

  #show(picture: Picture): void {
    const { index, bitmap, result } = this.picture.peek() ?? {};
    if (picture.index === index && picture.bitmap === bitmap && picture.result === result) return;
    this.picture.value = picture;
  }

  /** Show the chosen layer's map from `allLayers`; return whether it is there. */
  #draw(): boolean {
    const choice = this.choice.peek();
    const allLayers = this.allLayers.peek();
    const base = this.latest.peek();
    if (!allLayers?.has(choice.layer) || !base || !sameInput(base.choice, choice)) return false;
    this.#drawn = true;
    this.#preview = null;
    this.queues.explain.drop();
    this.latest.value = allLayers.result(choice, base);
    this.refresh();
    return true;
  }
}

/** Return the result with the array of scores that is here, if they are the same: then no list is rendered again. */
function keepScores(result: Result, latest: Result | null): Result {
  const same = latest && sameInput(latest.choice, result.choice) && sameScores(latest.scores, result.scores);
  return same ? { ...result, scores: latest.scores } : result;
}

/** Whether two choices have the same scores. */
function sameInput(a: Choice, b: Choice): boolean {
  return a.image_index === b.image_index && (a.model_index ?? 0) === (b.model_index ?? 0);
}
