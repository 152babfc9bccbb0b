import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { DIVERGING_DEFAULT, SEQUENTIAL_DEFAULT } from "./colormap.ts";
import {
  type Bytes,
  type Choice,
  type Method,
  type ParamValue,
  type Problem,
  type Progress,
  pickChoice,
  type Result,
  resolve,
  type Setup,
  type Traits,
  type Waiting,
  type WidgetModel,
} from "./contract.ts";
import { type Decode, decodeBitmap, Gallery } from "./gallery.ts";
import { type OutlineNode, outline } from "./outline.ts";
import { type Listener, Protocol } from "./protocol.ts";
import { rank } from "./ranking.ts";
import { ancestors, initiallyFolded } from "./tree.ts";

export const RESTARTED = "Kernel restarted: run the cell again.";

/** What is on show: an image, and the result that belongs to it, if it came already. */
export interface Picture {
  index: number;
  bitmap: ImageBitmap;
  result: Result | null;
}

/** All that one widget's page knows, shared by its views. Components read the signals and call the methods. */
export class Store implements Listener {
  readonly setup: Setup;
  /** The layers and what they fold into. */
  readonly layers: readonly OutlineNode[];
  readonly choice: Signal<Choice>;
  readonly opacity: Signal<number>;
  readonly threshold: Signal<number>;
  readonly picture = signal<Picture | null>(null);
  readonly progressing = signal<Progress | null>(null);
  readonly trouble = signal<Problem | null>(null);
  readonly notices: Signal<readonly string[]>;
  /** What is awaited from the kernel, for the status line. */
  readonly awaited = signal<Waiting>("idle");
  readonly disconnected = signal(false);
  readonly gallery: Gallery;

  readonly method: ReadonlySignal<Method | undefined>;
  readonly colormap: ReadonlySignal<string>;
  readonly busy: ReadonlySignal<boolean>;
  /** Class indices in the order of the newest scores. */
  readonly ranking: ReadonlySignal<number[]>;

  #protocol: Protocol;
  #latest = signal<Result | null>(null);
  /** One colormap for maps with one sign, one for those with both. */
  #colormaps: Signal<{ sequential: string; diverging: string }>;

  constructor(model: WidgetModel, abort: AbortSignal, decode: Decode = decodeBitmap) {
    this.#protocol = new Protocol(model, this, abort);
    this.setup = this.#protocol.setup;
    this.layers = outline(this.setup.nodes);
    const traits = this.#protocol.traits();
    this.choice = signal(pickChoice(traits));
    this.opacity = signal(traits.opacity);
    this.threshold = signal(traits.threshold);
    this.notices = signal(this.setup.notices ?? []);
    this.#colormaps = signal({ sequential: SEQUENTIAL_DEFAULT, diverging: DIVERGING_DEFAULT });
    this.gallery = new Gallery(
      (indices, size) => this.#protocol.requestImages(indices, size),
      () => this.#refresh(),
      decode,
    );
    this.method = computed(() => this.methodOf(this.choice.value));
    this.colormap = computed(() => this.colormapOf(this.choice.value));
    this.busy = computed(() => this.awaited.value !== "idle");
    this.ranking = computed(() => rank(this.setup.labels.length, this.#latest.value?.scores ?? null));
    // A signed map wants two hues: the default for other maps was not chosen for it.
    if (traits.colormap !== SEQUENTIAL_DEFAULT) this.#keepColormap(traits.colormap);
    this.#restore();
  }

  methodOf(choice: Choice): Method | undefined {
    return this.setup.methods.find(({ name }) => name === choice.method);
  }

  /** The colormap for a map: the one chosen last for maps of its kind. */
  colormapOf(choice: Choice): string {
    const { sequential, diverging } = this.#colormaps.value;
    return this.methodOf(choice)?.signed ? diverging : sequential;
  }

  /** A view opened. */
  open(): void {
    this.#protocol.hello();
    this.gallery.image(this.choice.peek().image_index);
    if (this.#protocol.idle && !this.#isShown(this.choice.peek())) this.#protocol.expect(this.choice.peek());
  }

  // What the user does.

  pick(changed: Partial<Choice>): void {
    if (this.disconnected.peek()) return;
    const before = this.choice.peek();
    const choice = { ...before, ...changed };
    this.choice.value = choice;
    this.#protocol.save(changed);
    if (resolve(choice, this.setup.methods) === resolve(before, this.setup.methods)) return;
    this.trouble.value = null;
    if (!this.#protocol.idle || !this.#isShown(choice)) this.#protocol.explain(pickChoice(choice));
    if (choice.image_index !== before.image_index) this.#refresh();
  }

  /** The parameters stay: those of other methods are left aside, so that going back loses none. */
  pickMethod(method: string): void {
    if (method === this.choice.peek().method) return;
    this.pick({ method });
    this.#protocol.save({ colormap: this.colormap.peek() });
  }

  pickParam(name: string, value: ParamValue): void {
    this.pick({ params: { ...this.choice.peek().params, [name]: value } });
  }

  pickColormap(name: string): void {
    this.#keepColormap(name);
    this.#protocol.save({ colormap: name });
  }

  setOpacity(opacity: number, dragging = false): void {
    this.opacity.value = opacity;
    this.#protocol.save({ opacity }, dragging);
  }

  setThreshold(threshold: number, dragging = false): void {
    this.threshold.value = threshold;
    this.#protocol.save({ threshold }, dragging);
  }

  cancel(): void {
    this.#protocol.cancel();
  }

  dismissTrouble(): void {
    this.trouble.value = null;
  }

  dismissNotice(notice: string): void {
    this.notices.value = this.notices.peek().filter((other) => other !== notice);
  }

  // What the protocol reports.

  traits(): Traits {
    const look = { opacity: this.opacity.peek(), colormap: this.colormap.peek(), threshold: this.threshold.peek() };
    return { ...this.choice.peek(), ...look };
  }

  chosen(changed: Partial<Traits>): void {
    batch(() => {
      this.choice.value = pickChoice({ ...this.choice.peek(), ...changed });
      if (changed.opacity !== undefined) this.opacity.value = changed.opacity;
      if (changed.threshold !== undefined) this.threshold.value = changed.threshold;
      if (changed.colormap !== undefined) this.#keepColormap(changed.colormap);
      else if (changed.method !== undefined) this.#protocol.save({ colormap: this.colormap.peek() });
      this.#refresh();
    });
  }

  result(result: Result): void {
    const latest = this.#latest.peek();
    if (latest && result.serial <= latest.serial) return;
    batch(() => {
      this.#latest.value = result;
      this.trouble.value = null;
      this.progressing.value = null;
      this.#refresh();
    });
  }

  images(indices: number[], size: number, pngs: Bytes[]): void {
    void this.gallery.keep(indices, size, pngs);
  }

  imagesFailed(indices: number[], size: number): void {
    this.gallery.failed(indices, size);
  }

  progress(progress: Progress | null): void {
    this.progressing.value = progress;
  }

  problem({ message, hint }: Problem): void {
    this.trouble.value = { message, hint };
  }

  waiting(waiting: Waiting): void {
    this.awaited.value = waiting;
  }

  gone(): void {
    this.disconnected.value = true;
    this.choice.value = this.picture.peek()?.result?.choice ?? this.choice.peek();
    this.trouble.value = { message: RESTARTED, hint: null };
  }

  #restore(): void {
    const kept = this.#protocol.snapshot();
    if (!kept) return;
    this.#latest.value = kept.result;
    if (kept.image) void this.gallery.keep([kept.result.choice.image_index], 0, [kept.image]);
  }

  #isShown(choice: Choice): boolean {
    const latest = this.#latest.peek();
    return latest !== null && resolve(latest.choice, this.setup.methods) === resolve(choice, this.setup.methods);
  }

  #keepColormap(name: string): void {
    const kind = this.methodOf(this.choice.peek())?.signed ? "diverging" : "sequential";
    this.#colormaps.value = { ...this.#colormaps.peek(), [kind]: name };
  }

  /** Show the chosen image as soon as it is here, with its own map or none: never one image under another's map. */
  #refresh(): void {
    const { image_index: index } = this.choice.peek();
    const latest = this.#latest.peek();
    const shown = this.picture.peek();
    const bitmap = this.gallery.image(index);
    if (!bitmap) {
      if (shown && latest?.choice.image_index === shown.index) this.picture.value = { ...shown, result: latest };
      return;
    }
    const before = shown?.index === index ? shown.result : null;
    this.picture.value = { index, bitmap, result: latest?.choice.image_index === index ? latest : before };
  }
}

/** What one view of the widget knows for itself: where one has searched, and what is folded. */
export class ViewState {
  readonly layerQuery = signal("");
  readonly classQuery = signal("");
  readonly folded: Signal<ReadonlySet<number>>;
  /** The row of the layers that the keyboard is on. */
  readonly active: Signal<number>;
  #layers: readonly OutlineNode[];

  constructor(store: Store) {
    this.#layers = store.layers;
    const chosen = this.#find(store.choice.peek().layer);
    this.folded = signal(initiallyFolded(store.layers, chosen));
    this.active = signal(Math.max(0, chosen));
  }

  /** Make a layer's row visible, and the active one. */
  reveal(path: string): void {
    const index = this.#find(path);
    if (index < 0) return;
    const folded = new Set(this.folded.peek());
    for (const around of ancestors(this.#layers, index)) folded.delete(around);
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
    return this.#layers.findIndex((node) => node.path === path && !node.block);
  }
}
