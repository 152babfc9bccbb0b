import { type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { FeatureContent } from "../messages.ts";

export interface PredictionsContent extends FeatureContent {
  model_index: number;
  generation: number;
  indices: number[];
  top: number[];
  score: number[];
  correct: (boolean | null)[];
}

/** Images of one request. */
export const CHUNK = 256;

export type Filter = "all" | "right" | "wrong";

export interface Prediction {
  top: number;
  score: number;
  /** null: the true class is not known. */
  correct: boolean | null;
}

/** A model's predictions, requested on demand. */
export class Predictions {
  readonly count: number;
  /** Number of known predictions; it changes with every answer. */
  readonly known: ReadonlySignal<number>;
  readonly filter: Signal<Filter>;
  #known = signal(0);
  #request: (indices: number[]) => void;
  #all: (Prediction | undefined)[];
  #asked = new Set<number>();
  #wanted: number[] = [];
  #generation = 0;

  /** The `filter` is shared by all models. */
  constructor(count: number, filter: Signal<Filter>, request: (indices: number[]) => void) {
    this.count = count;
    this.filter = filter;
    this.known = this.#known;
    this.#request = request;
    this.#all = new Array(count);
  }

  /** Undefined if it is not known yet, or the image cannot be read. */
  at(index: number): Prediction | undefined {
    const known = this.#all[index];
    return known && known.top >= 0 ? known : undefined;
  }

  /** Request the predictions of images that scrolled into view. */
  want(indices: readonly number[]): void {
    const missing = indices.filter((index) => !this.#all[index] && !this.#asked.has(index));
    if (missing.length === 0) return;
    for (const index of missing) this.#asked.add(index);
    if (this.#wanted.length === 0) queueMicrotask(() => this.#askForWanted());
    this.#wanted.push(...missing);
  }

  /** A filter needs all predictions: they are requested chunk by chunk while it is on. */
  choose(filter: Filter): void {
    this.filter.value = filter;
    this.goOn();
  }

  /** The model was trained: drop its predictions. */
  renew(generation: number): void {
    if (generation <= this.#generation) return;
    this.#generation = generation;
    this.#asked.clear();
    this.#all = new Array(this.count);
    this.#known.value = 0;
  }

  keep({ generation, indices, top, score, correct }: PredictionsContent): void {
    this.renew(generation);
    this.#unask(indices);
    if (generation < this.#generation) {
      this.want(indices);
      return;
    }
    let news = 0;
    indices.forEach((index, i) => {
      if (!this.#all[index]) news += 1;
      this.#all[index] = { top: top[i], score: score[i], correct: correct[i] };
    });
    this.#known.value += news;
    this.goOn();
  }

  failed(indices: readonly number[]): void {
    this.#unask(indices);
    this.filter.value = "all";
  }

  #unask(indices: readonly number[]): void {
    for (const index of indices) this.#asked.delete(index);
  }

  /** Return the images that pass the filter, as far as predictions are known; null when all do. */
  passing(): number[] | null {
    const filter = this.filter.value;
    if (filter === "all" || this.known.value < 0) return null;
    const correct = filter === "right";
    return Array.from(this.#all.keys()).filter((index) => this.#all[index]?.correct === correct);
  }

  goOn(): void {
    if (this.filter.peek() === "all" || this.#asked.size > 0) return;
    const missing: number[] = [];
    for (let i = 0; i < this.count && missing.length < CHUNK; i++) if (!this.#all[i]) missing.push(i);
    this.want(missing);
  }

  #askForWanted(): void {
    const wanted = this.#wanted.splice(0);
    while (wanted.length > 0) this.#request(wanted.splice(0, CHUNK));
  }
}
