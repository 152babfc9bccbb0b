import { type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { Protocol } from "../kernel/client.ts";
import type { Line } from "../kernel/paneQueues.ts";
import type { Choice, Overrides } from "../messages.ts";
import { type Around, Pane } from "./pane.ts";

/** Side by side, the main one included. */
export const MOST_PANES = 4;

/** The panes that are open, each with its line to the kernel. */
export class Panes {
  /** The main one first. */
  readonly all: Signal<readonly Pane[]>;
  /** The one that the controls act on. */
  readonly active: Signal<Pane>;
  #around: Around;
  #protocol: Protocol;
  #lines = new Map<Pane, Line>();

  constructor(around: Around, protocol: Protocol, choice: Choice) {
    this.#around = around;
    this.#protocol = protocol;
    const main = this.#open(choice, null);
    this.all = signal([main]);
    this.active = signal(main);
  }

  get main(): Pane {
    return this.all.peek()[0];
  }

  /** What the panes beside the main one differ in. */
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
    const line = this.#lines.get(pane);
    if (line) this.#protocol.disconnect(line);
    this.#lines.delete(pane);
    this.all.value = this.all.peek().filter((other) => other !== pane);
    if (this.active.peek() === pane) this.active.value = this.main;
  }

  /** Have these beside the main one, as far as may be those that are here already. */
  arrange(overrides: readonly Overrides[]): void {
    for (const pane of this.all.peek().slice(1 + overrides.length)) this.drop(pane);
    overrides.forEach((own, i) => {
      const pane = this.all.peek()[1 + i];
      if (pane) pane.own.value = own;
      else this.add(own);
    });
  }

  /** Depth is used: have all layers at hand in the active pane, and where another one follows its layer. */
  dive(): void {
    const active = this.active.peek();
    active.dive();
    if (active !== this.main) return;
    for (const pane of this.all.peek()) if (pane.own.peek().layer === undefined) pane.dive();
  }

  /** The other way round. */
  surface(): void {
    const active = this.active.peek();
    active.forget();
    if (active !== this.main) return;
    for (const pane of this.all.peek()) if (pane.own.peek().layer === undefined) pane.forget();
  }

  cancel(pane: Pane): void {
    this.#lines.get(pane)?.cancel();
  }

  #open(own: Overrides, base: ReadonlySignal<Choice> | null): Pane {
    const pane = new Pane(this.#around, signal(own), base);
    const line = this.#protocol.connect(pane);
    pane.connect(line);
    this.#lines.set(pane, line);
    return pane;
  }
}
