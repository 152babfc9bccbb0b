import { type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { Choice, Overrides, Problem, Waiting } from "../messages.ts";
import { Pane, type PaneContext } from "./pane.ts";

/** Side by side, the main one included. */
export const MOST_PANES = 4;

/** The open panes. */
export class Panes {
  /** The main one first. */
  readonly all: Signal<readonly Pane[]>;
  /** The one that the controls act on. */
  readonly active: Signal<Pane>;
  #context: PaneContext;

  constructor(context: PaneContext, choice: Choice) {
    this.#context = context;
    const main = this.#open(choice, null);
    this.all = signal([main]);
    this.active = signal(main);
  }

  get main(): Pane {
    return this.all.peek()[0];
  }

  /** The differences of the other panes from the main one. */
  get overrides(): Overrides[] {
    return this.all
      .peek()
      .slice(1)
      .map(({ own }) => own.peek());
  }

  add(own: Overrides): Pane {
    const pane = this.#open(own, this.main.choice);
    this.all.value = [...this.all.peek(), pane];
    return pane;
  }

  drop(pane: Pane): void {
    this.#context.client.disconnect(pane.queues);
    this.all.value = this.all.peek().filter((other) => other !== pane);
    if (this.active.peek() === pane) this.active.value = this.main;
  }

  /** Have one pane for each of `overrides` beside the main one; open panes are reused. */
  arrange(overrides: readonly Overrides[]): void {
    for (const pane of this.all.peek().slice(1 + overrides.length)) this.drop(pane);
    overrides.forEach((own, i) => {
      const pane = this.all.peek()[1 + i];
      if (pane) pane.own.value = own;
      else this.add(own);
    });
  }

  /** An image cannot be loaded: say so in the panes that chose it. */
  lost(indices: readonly number[], problem: Problem): void {
    for (const pane of this.all.peek())
      if (indices.includes(pane.choice.peek().image_index)) pane.problem.value = problem;
  }

  refresh(): void {
    for (const pane of this.all.peek()) pane.refresh();
  }

  /** Fetch all layers for the active pane, and for panes that follow its layer. */
  fetchAllLayers(): void {
    const active = this.active.peek();
    active.fetchAllLayers();
    for (const pane of this.#followers(active)) pane.fetchAllLayers();
  }

  dropAllLayers(): void {
    const active = this.active.peek();
    active.dropAllLayers();
    for (const pane of this.#followers(active)) pane.dropAllLayers();
  }

  /** Panes whose layer is that of `pane`: only the main one has any. */
  #followers(pane: Pane): Pane[] {
    return pane === this.main ? this.all.peek().filter(({ own }) => own.peek().layer === undefined) : [];
  }

  #open(own: Overrides, base: ReadonlySignal<Choice> | null): Pane {
    return new Pane(this.#context, signal(own), base);
  }
}

/** Return the slowest state of everything that the panes requested. */
export function slowest(panes: readonly Pane[]): Waiting {
  const all = panes.flatMap(({ awaited, allLayersWaiting }) => [awaited.value, allLayersWaiting.value]);
  return (["slow", "asked"] as const).find((waiting) => all.includes(waiting)) ?? "idle";
}
