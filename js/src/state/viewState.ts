import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { type OutlineNode, outline } from "../graph/outline.ts";
import { ancestors, initiallyFolded, search } from "../graph/tree.ts";
import type { LayerNode } from "../messages.ts";
import { TypeAhead } from "../text/typeAhead.ts";
import { commonRange, type Range } from "./colorRange.ts";
import type { Cursor } from "./cursor.ts";
import type { Store } from "./store.ts";

/** State of one view: the cursor, searches, and what is folded. */
export class ViewState {
  readonly classQuery = signal("");
  /** The same in all panes. */
  readonly cursor = signal<Cursor | null>(null);
  readonly help = signal(false);
  /** The method's parameters are shown. */
  readonly params = signal(false);
  /** Equal values have equal colours in all panes. */
  readonly oneScale = signal(false);
  /** Widths of the sidebars in pixels: 0 when folded, null until the user sets one. */
  readonly widths = { layers: signal<number | null>(null), classes: signal<number | null>(null) };
  /** Of whichever list has the focus. */
  readonly typeAhead = new TypeAhead();
  #store: Store;
  #trees = new Map<number, TreeState>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** Return the common display range of all panes; null where each has its own. */
  range(): Range | null {
    const pictures = this.#store.panes.value.map(({ picture }) => picture.value);
    return this.oneScale.value ? commonRange(pictures, this.#store.catalog) : null;
  }

  /** Return the tree state of one model. */
  tree(model: number): TreeState {
    const known = this.#trees.get(model);
    if (known) return known;
    const choice = this.#store.choice.peek();
    const tree = new TreeState(this.#store.catalog.modelOf({ ...choice, model_index: model }).nodes, choice.layer);
    this.#trees.set(model, tree);
    return tree;
  }
}

/** State of one model's layer tree. */
export class TreeState {
  /** The layers and the blocks that they fold into. */
  readonly layers: readonly OutlineNode[];
  readonly layerQuery = signal("");
  /** The layers that match the query, in order. */
  readonly hits: ReadonlySignal<readonly number[]>;
  readonly folded: Signal<ReadonlySet<number>>;
  /** The row with the keyboard focus. */
  readonly active: Signal<number>;

  constructor(nodes: readonly LayerNode[], chosen: string) {
    this.layers = outline(nodes);
    const at = this.#find(chosen);
    this.folded = signal(initiallyFolded(this.layers, at));
    this.active = signal(Math.max(0, at));
    this.hits = computed(() => search(this.layers, this.layerQuery.value));
  }

  /** Make a layer's row visible and active. */
  reveal(path: string): void {
    this.open(this.#find(path));
  }

  /** Unfold everything around a row, and make it active. */
  open(index: number): void {
    if (index < 0) return;
    const folded = new Set(this.folded.peek());
    for (const around of ancestors(this.layers, index)) folded.delete(around);
    batch(() => {
      if (folded.size !== this.folded.peek().size) this.folded.value = folded;
      this.active.value = index;
    });
  }

  fold(index: number, fold: boolean): void {
    const folded = new Set(this.folded.peek());
    if (fold) folded.add(index);
    else folded.delete(index);
    this.folded.value = folded;
  }

  #find(path: string): number {
    return this.layers.findIndex((node) => node.path === path && !node.block);
  }
}
