import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { Latest } from "../../kernel/latest.ts";
import type { Bytes, Choice, FeatureContent, Problem, Result, Waiting } from "../../messages.ts";
import { decodeFloat32 } from "../../picture/float16.ts";
import { decodeBitmap } from "../../picture/imageCache.ts";
import type { Catalog } from "../../state/catalog.ts";
import type { Pane } from "../../state/pane.ts";
import { perPane } from "../../state/perPane.ts";
import type { Store } from "../../state/store.ts";

/** As `ke_widgets/widget/features/path.py` writes it, as a reply or as progress. */
interface PathContent extends FeatureContent {
  choice: Choice;
  generation: number;
}

/** What the method looks at on its way: scores at shares of it, NaN where not computed yet, and pictures at last. */
export interface Way {
  shares: Float32Array;
  scores: Float32Array;
  pictures: readonly Bytes[];
}

/** The ways of the panes, each requested for the map that is shown. */
export class PathState {
  /** That of the active pane. */
  readonly active: ReadonlySignal<PanePath>;
  /** How far the player is, from 0 to 1. */
  readonly alpha = signal(1);

  constructor(store: Store) {
    this.active = perPane(store.active, (pane) => new PanePath(store, pane));
  }
}

export class PanePath {
  /** The way to the image of the map that is shown. */
  readonly shown: ReadonlySignal<Way | null>;
  /** The map of which the way can be asked; null while there is none, or its method goes no way. */
  readonly result: ReadonlySignal<Result | null>;
  readonly waiting = signal<Waiting>("idle");
  readonly problem = signal<Problem | null>(null);
  #newest = signal<{ key: string; way: Way } | null>(null);
  #queue: Latest<{ choice: Choice }>;
  #key: ReadonlySignal<string | null>;

  constructor({ client, catalog }: Store, pane: Pane) {
    this.result = computed(() => {
      const result = pane.picture.value?.result ?? null;
      return result && catalog.methodOf(result.choice)?.way ? result : null;
    });
    this.#key = computed(() => this.result.value && keyOf(this.result.value, catalog));
    this.shown = computed(() =>
      this.#newest.value?.key === this.#key.value ? (this.#newest.value?.way ?? null) : null,
    );
    const keep = (content: unknown, buffers: Bytes[]) => {
      const [shares, scores, ...pictures] = buffers;
      const way = { shares: decodeFloat32(shares), scores: decodeFloat32(scores), pictures };
      this.#newest.value = { key: keyOf(content as PathContent, catalog), way };
    };
    this.#queue = client.open(pane.queues, "path", {
      answered: keep,
      progress: keep,
      failed: (problem) => {
        this.problem.value = problem;
      },
      waiting: (waiting) => {
        this.waiting.value = waiting;
      },
    });
  }

  /** Request the way, unless it is known or was refused. */
  want(): void {
    const choice = this.result.peek()?.choice;
    if (!choice || this.shown.peek()?.pictures.length || this.waiting.peek() !== "idle" || this.problem.peek()) return;
    this.#queue.ask({ choice });
  }
}

/** Return a key of the way to one image. */
function keyOf({ choice, generation }: { choice: Choice; generation: number }, catalog: Catalog): string {
  return `${catalog.key(choice)} ${generation}`;
}

/** Return the point of a way that is nearest to a share. */
export function nearest(way: Way, share: number): number {
  let best = 0;
  for (let i = 1; i < way.shares.length; i++)
    if (Math.abs(way.shares[i] - share) < Math.abs(way.shares[best] - share)) best = i;
  return best;
}

const drawn = new WeakMap<Bytes, Promise<ImageBitmap>>();

/** Decode a picture of a way, once. */
export function pictureOf(bytes: Bytes): Promise<ImageBitmap> {
  const known = drawn.get(bytes) ?? decodeBitmap(bytes);
  drawn.set(bytes, known);
  return known;
}
