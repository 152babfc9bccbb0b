import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { type Listener, Protocol } from "../kernel/client.ts";
import {
  type Bytes,
  type Choice,
  type Errand,
  type ImagesContent,
  type Method,
  type Overrides,
  type ParamValue,
  type PredictionsContent,
  type Problem,
  type Progress,
  pickChoice,
  type Setup,
  type Traits,
  type View,
  type Waiting,
  type WidgetModel,
} from "../messages.ts";
import { type Decode, decodeBitmap, Gallery } from "../picture/imageCache.ts";
import { Facts } from "./catalog.ts";
import { rank } from "./classOrder.ts";
import { Look } from "./display.ts";
import type { Pane, Picture } from "./pane.ts";
import { MOST_PANES, Panes } from "./panes.ts";
import { type Filter, Predictions } from "./predictions.ts";

const hint = "Opacity, threshold, colormap and Save still work.";
export const RESTARTED: Problem = { message: "Kernel restarted: run the cell again.", hint };
export const SAVED: Problem = { message: "A saved picture, without its kernel: run the cell again to choose.", hint };

/** All that one widget's page knows, shared by its views. Components read the signals and call the methods. */
export class Store implements Listener {
  readonly setup: Setup;
  readonly facts: Facts;
  /** The main one first. */
  readonly panes: ReadonlySignal<readonly Pane[]>;
  /** The one that the controls act on. */
  readonly active: ReadonlySignal<Pane>;
  readonly opacity: Signal<number>;
  readonly threshold: Signal<number>;
  readonly view: Signal<View>;
  readonly notices: Signal<readonly string[]>;
  /** Why nobody answers any more, if so. */
  readonly ended = signal<Problem | null>(null);
  readonly disconnected = computed(() => this.ended.value !== null);
  /** How far the file is that Python writes, if it does. */
  readonly writing = signal<Progress | null>(null);
  /** Why nothing came of what was done last. */
  readonly refusal = signal("");
  readonly gallery: Gallery;
  /** What the active pane's model sees. */
  readonly predictions: ReadonlySignal<Predictions>;

  // Of the active pane.
  readonly choice: ReadonlySignal<Choice>;
  readonly picture: ReadonlySignal<Picture | null>;
  readonly method: ReadonlySignal<Method | undefined>;
  readonly colormap: ReadonlySignal<string>;
  /** Class indices in the order of the newest scores. */
  readonly ranking: ReadonlySignal<number[]>;

  // Of all.
  readonly busy: ReadonlySignal<boolean>;
  /** What is awaited from the kernel, for the status line. */
  readonly awaited: ReadonlySignal<Waiting>;

  #protocol: Protocol;
  #panes: Panes;
  #look: Look;
  #predictions: Predictions[];

  constructor(model: WidgetModel, abort: AbortSignal, decode: Decode = decodeBitmap) {
    this.#protocol = new Protocol(model, this, abort);
    this.setup = this.#protocol.setup;
    this.facts = new Facts(this.setup);
    const traits = this.#protocol.traits() as Traits;
    this.notices = signal(this.setup.notices ?? []);
    this.gallery = new Gallery(
      (indices, size) => this.#protocol.request({ kind: "images", indices, size }),
      () => this.#refresh(),
      decode,
    );
    const filter = signal<Filter>("all");
    this.#predictions = this.facts.models.map(
      (_, model) =>
        new Predictions(this.setup.images, filter, (indices) =>
          this.#protocol.request({ kind: "predictions", indices, model }),
        ),
    );
    const around = {
      facts: this.facts,
      image: (index: number) => this.gallery.image(index),
    };
    this.#panes = new Panes(around, this.#protocol, pickChoice(traits));
    this.panes = this.#panes.all;
    this.active = this.#panes.active;
    this.#panes.arrange(traits.panes ?? []);
    this.#look = new Look(traits, this.#signed);
    this.opacity = this.#look.opacity;
    this.threshold = this.#look.threshold;
    this.view = this.#look.view;

    this.choice = computed(() => this.active.value.choice.value);
    this.picture = computed(() => this.active.value.picture.value);
    this.method = computed(() => this.facts.methodOf(this.choice.value));
    this.colormap = computed(() => this.colormapOf(this.choice.value));
    const { labels, file } = this.setup;
    const scores = computed(() => this.active.value.latest.value?.scores ?? null);
    this.ranking = computed(() => {
      const all = rank(labels.length, scores.value);
      return file ? all.filter((index) => file.classes.includes(index)) : all;
    });
    this.busy = computed(() => this.awaited.value !== "idle");
    this.awaited = computed(() => slowest(this.panes.value));
    this.predictions = computed(() => this.#predictions[this.choice.value.model]);
    this.#restore();
  }

  get main(): Pane {
    return this.#panes.main;
  }

  /** The colormap for a map: the one chosen last for maps of its kind. */
  colormapOf(choice: Choice): string {
    return this.#look.colormap(this.facts.signed(choice));
  }

  /** A view opened. */
  open(): void {
    this.#protocol.hello();
    for (const pane of this.panes.peek()) {
      this.gallery.image(pane.choice.peek().image_index);
      // The first map is on its way unasked. What was chosen later without a word to the kernel is not.
      pane.open(pane === this.main && !pane.latest.peek());
    }
  }

  /** A view opened in a notebook that was saved: there is nobody to answer. */
  rest(): void {
    this.#protocol.end();
    this.ended.value = SAVED;
  }

  // What the user does.

  /** Choose, in the active pane; `moving` through depth. */
  pick(changed: Overrides, moving = false): void {
    if (this.disconnected.peek()) return;
    this.refusal.value = "";
    const pane = this.active.peek();
    const before = this.panes.peek().map(({ key }) => key);
    const colormap = this.colormapOf(this.main.choice.peek());
    batch(() => {
      pane.own.value = { ...pane.own.peek(), ...changed };
      if (changed.layer !== undefined && !moving) pane.surface();
      const seeking = this.panes.peek().filter(({ key }, i) => key !== before[i]);
      for (const other of this.panes.peek()) seeking.includes(other) ? other.seek(moving) : other.amend();
    });
    this.#protocol.save(pane === this.main ? changed : { panes: this.#panes.overrides });
    const now = this.colormapOf(this.main.choice.peek());
    if (now !== colormap) this.#protocol.save({ colormap: now });
  }

  /** The parameters stay: those of other methods are left aside, so that going back loses none. */
  pickMethod(method: string): void {
    if (method !== this.choice.peek().method) this.pick({ method });
  }

  pickParam(name: string, value: ParamValue): void {
    this.pick({ params: { ...this.choice.peek().params, [name]: value } });
  }

  /** Another model, with a layer that it has. */
  pickModel(model: number): void {
    const { layer } = this.choice.peek();
    const fitting = this.facts.fit({ ...this.choice.peek(), model }).layer;
    this.pick(fitting === layer ? { model } : { model, layer: fitting });
  }

  pickClass(class_index: number): void {
    const { contrast_index } = this.choice.peek();
    this.pick(contrast_index === class_index ? { class_index, contrast_index: null } : { class_index });
  }

  /** Why the class and not this one; once more, and it is the class alone again. */
  pickContrast(index: number): void {
    const { class_index, contrast_index } = this.choice.peek();
    if (index !== class_index) this.pick({ contrast_index: index === contrast_index ? null : index });
  }

  pickColormap(name: string): void {
    this.#look.keepColormap(name, this.facts.signed(this.choice.peek()));
    this.#protocol.save({ colormap: this.colormapOf(this.main.choice.peek()) });
  }

  pickView(view: View): void {
    this.view.value = view;
    this.#protocol.save({ view });
  }

  setOpacity(opacity: number, dragging = false): void {
    this.opacity.value = opacity;
    this.#protocol.save({ opacity }, dragging);
  }

  setThreshold(threshold: number, dragging = false): void {
    this.threshold.value = threshold;
    this.#protocol.save({ threshold }, dragging);
  }

  /** Depth is used: have all layers at hand, also where another pane follows this one's layer. */
  dive(): void {
    if (!this.disconnected.peek()) this.#panes.dive();
  }

  /** Have them no more. */
  surface(): void {
    this.#panes.surface();
  }

  /** One more pane, of what the active one shows but for `changed`; it is the active one then. */
  addPane(changed: Overrides = {}): void {
    if (this.disconnected.peek()) return;
    if (this.panes.peek().length >= MOST_PANES) {
      this.refusal.value = `${MOST_PANES} panes are open, and there is room for no more: close one first.`;
      return;
    }
    const from = this.active.peek();
    const own = from === this.main ? {} : from.own.peek();
    batch(() => {
      const pane = this.#panes.add(own);
      pane.adopt(from);
      this.activate(pane);
      if (Object.keys(changed).length > 0) this.pick(changed);
      else pane.seek();
    });
    this.#protocol.save({ panes: this.#panes.overrides });
  }

  closePane(pane: Pane): void {
    const at = this.panes.peek().indexOf(pane);
    if (at < 1) return;
    this.refusal.value = "";
    batch(() => {
      this.#panes.drop(pane);
      // Those behind have another number now: what was asked under the old one is asked anew.
      for (const other of this.panes.peek().slice(at)) if (!other.idle) other.seek();
    });
    this.#protocol.save({ panes: this.#panes.overrides });
  }

  activate(pane: Pane): void {
    this.#panes.active.value = pane;
  }

  /** Stop what a pane waits for, and nothing else. */
  cancel(pane: Pane): void {
    this.#panes.cancel(pane);
  }

  cancelExport(): void {
    this.writing.value = null;
    this.#protocol.cancelExport();
  }

  dismissNotice(notice: string): void {
    this.notices.value = this.notices.peek().filter((other) => other !== notice);
  }

  // What the protocol reports.

  traits(): Traits {
    const { main } = this;
    const colormap = this.colormapOf(main.choice.peek());
    const look = { opacity: this.opacity.peek(), threshold: this.threshold.peek(), view: this.view.peek(), colormap };
    return { ...main.choice.peek(), ...look, panes: this.#panes.overrides };
  }

  chosen(changed: Partial<Traits>): void {
    const { main } = this;
    batch(() => {
      main.own.value = pickChoice({ ...main.choice.peek(), ...changed });
      if (changed.panes !== undefined) this.#panes.arrange(changed.panes);
      this.#look.take(changed, this.#signed);
      this.#refresh();
    });
    const colormap = this.#look.colormap(this.#signed);
    if (colormap !== this.#protocol.traits().colormap) this.#protocol.save({ colormap });
  }

  images({ indices, size, sizes }: ImagesContent, images: Bytes[]): void {
    void this.gallery.keep(indices, size, images, sizes);
  }

  predicted(content: PredictionsContent): void {
    this.#predictions[content.model]?.keep(content);
  }

  generation(model: number, generation: number): void {
    this.facts.learn(model, generation);
    this.#predictions[model]?.renew(generation);
    for (const pane of this.panes.peek()) pane.renew();
  }

  exporting(progress: Progress | null): void {
    this.writing.value = progress;
  }

  /** An image that cannot be had is told where it is chosen. */
  errandFailed(errand: Errand, problem: Problem): void {
    if (errand.kind === "predictions") {
      this.#predictions[errand.model]?.failed(errand.indices);
      this.problem(problem);
      return;
    }
    this.gallery.failed(errand.indices, errand.size);
    for (const pane of this.panes.peek()) {
      const own = errand.size === 0 && errand.indices.includes(pane.choice.peek().image_index);
      if (own) pane.trouble.value = problem;
    }
  }

  /** Of no pane: told in the one that the user is at. */
  problem(problem: Problem): void {
    this.active.peek().trouble.value = problem;
  }

  gone(): void {
    const { main } = this;
    this.ended.value = RESTARTED;
    this.writing.value = null;
    main.own.value = main.picture.peek()?.result?.choice ?? main.choice.peek();
  }

  #restore(): void {
    const kept = this.#protocol.snapshot();
    if (!kept) return;
    this.main.latest.value = kept.result;
    const { choice } = kept.result;
    if (kept.image) void this.gallery.keep([choice.image_index], 0, [kept.image], [kept.size]);
  }

  /** Whether the main pane's map has both signs: the trait `colormap` is of its kind. */
  get #signed(): boolean {
    return this.facts.signed(this.main.choice.peek());
  }

  #refresh(): void {
    for (const pane of this.panes.peek()) pane.refresh();
  }
}

/** What is awaited of all that the panes asked. */
function slowest(panes: readonly Pane[]): Waiting {
  const all = panes.flatMap(({ awaited, scanning }) => [awaited.value, scanning.value]);
  return (["slow", "asked"] as const).find((waiting) => all.includes(waiting)) ?? "idle";
}
