import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { Latest } from "../../kernel/latest.ts";
import type { Bytes, Choice, FeatureContent, Problem, Progress, Result, Waiting } from "../../messages.ts";
import { decodeFloat32 } from "../../picture/float16.ts";
import type { Catalog } from "../../state/catalog.ts";
import type { Pane } from "../../state/pane.ts";
import { perPane } from "../../state/perPane.ts";
import type { Store } from "../../state/store.ts";
import { formatNumber } from "../../text/format.ts";

/** As `ke_widgets/widget/features/curves.py` writes it, as a reply or as progress. */
interface CurvesContent extends FeatureContent {
  choice: Choice;
  generation: number;
  /** Steps of the map: it may have been cancelled. */
  map_done: number;
}

/** Scores as pixels are deleted and inserted, NaN where not computed yet. */
export interface Curves {
  shares: Float32Array;
  deletion: Float32Array;
  insertion: Float32Array;
}

/** The curves of the panes, each requested for the map that is shown. */
export class CurvesState {
  /** Those of the active pane. */
  readonly active: ReadonlySignal<PaneCurves>;

  constructor(store: Store) {
    this.active = perPane(store.active, (pane) => new PaneCurves(store, pane));
  }
}

export class PaneCurves {
  /** Those of the map that is shown, as far as they are computed. */
  readonly shown: ReadonlySignal<Curves | null>;
  /** The newest ones are of another map. */
  readonly outdated: ReadonlySignal<boolean>;
  readonly progress = signal<Progress | null>(null);
  readonly waiting = signal<Waiting>("idle");
  readonly problem = signal<Problem | null>(null);
  /** The map of which curves can be asked; null while there is none. */
  readonly result: ReadonlySignal<Result | null>;
  #newest = signal<{ key: string; curves: Curves } | null>(null);
  #queue: Latest<{ choice: Choice }>;

  constructor({ client, catalog }: Store, pane: Pane) {
    this.result = computed(() => pane.picture.value?.result ?? null);
    const key = computed(() => this.result.value && keyOf(this.result.value, this.result.value.done ?? 1, catalog));
    this.shown = computed(() => (this.#newest.value?.key === key.value ? (this.#newest.value?.curves ?? null) : null));
    this.outdated = computed(() => this.#newest.value !== null && this.shown.value === null);
    const keep = (content: FeatureContent, buffers: Bytes[]) => this.#keep(content as CurvesContent, buffers, catalog);
    this.#queue = client.open(pane.queues, "curves", {
      answered: keep,
      failed: (problem) => {
        this.#newest.value = null;
        this.problem.value = problem;
      },
      progress: (content, buffers) => {
        const { done, total, text } = content;
        this.progress.value = { done, total, text };
        keep(content as unknown as FeatureContent, buffers);
      },
      waiting: (waiting) => {
        this.waiting.value = waiting;
        if (waiting === "idle") this.progress.value = null;
      },
    });
  }

  /** Request the curves of the map that is shown. */
  compute(): void {
    const choice = this.result.peek()?.choice;
    this.problem.value = null;
    if (choice) this.#queue.ask({ choice });
  }

  cancel(): void {
    this.#queue.cancel();
  }

  #keep(content: CurvesContent, buffers: Bytes[], catalog: Catalog): void {
    const [shares, deletion, insertion] = buffers.map(decodeFloat32);
    this.#newest.value = { key: keyOf(content, content.map_done, catalog), curves: { shares, deletion, insertion } };
  }
}

/** Return a key of one map. */
function keyOf({ choice, generation }: { choice: Choice; generation: number }, done: number, catalog: Catalog): string {
  return `${catalog.key(choice)} ${generation} ${done}`;
}

/** Return the area under a curve; NaN if it is not complete. */
export function area(shares: Float32Array, curve: Float32Array): number {
  let sum = 0;
  for (let i = 1; i < curve.length; i++) sum += ((curve[i] + curve[i - 1]) / 2) * (shares[i] - shares[i - 1]);
  return sum;
}

/** Format an area, with two digits at least; a curve that is not complete has none. */
export function formatArea(value: number): string {
  if (!Number.isFinite(value)) return "…";
  return Math.abs(value) < 0.01 ? formatNumber(Number(value.toPrecision(2))) : value.toFixed(3).replace("-", "−");
}
