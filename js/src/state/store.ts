import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { pickChoice } from "../kernel/choice.ts";
import { Client } from "../kernel/client.ts";
import type { Listener } from "../kernel/listener.ts";
import type {
  Choice,
  Method,
  Overrides,
  ParamValue,
  Problem,
  Progress,
  Setup,
  Traits,
  Waiting,
  WidgetModel,
} from "../messages.ts";
import { type Decode, decodeBitmap, type ImageCache } from "../picture/imageCache.ts";
import type { Picture } from "../picture/picture.ts";
import { Catalog } from "./catalog.ts";
import { Costs } from "./costs.ts";
import { Display } from "./display.ts";
import { Images } from "./images.ts";
import { RESTARTED, SAVED } from "./noKernel.ts";
import type { Pane } from "./pane.ts";
import { MOST_PANES, Panes, slowest } from "./panes.ts";
import type { Predictions } from "./predictions.ts";

/** The state of one widget, shared by its views. Components read its signals and call its methods. */
export class Store implements Listener {
  readonly setup: Setup;
  readonly catalog: Catalog;
  readonly display: Display;
  /** The main one first. */
  readonly panes: ReadonlySignal<readonly Pane[]>;
  /** The one that the controls act on. */
  readonly active: ReadonlySignal<Pane>;
  readonly notices: Signal<readonly string[]>;
  /** Why there is no kernel any more; null while there is one. */
  readonly ended = signal<Problem | null>(null);
  readonly disconnected = computed(() => this.ended.value !== null);
  /** Progress of the file that Python exports; null if there is none. */
  readonly exportProgress = signal<Progress | null>(null);
  /** Why the last action did nothing. */
  readonly refusal = signal("");
  readonly imageCache: ImageCache;
  readonly client: Client;
  readonly costs: Costs;

  // Of the active pane.
  readonly choice: ReadonlySignal<Choice>;
  readonly picture: ReadonlySignal<Picture | null>;
  readonly method: ReadonlySignal<Method | undefined>;
  readonly colormap: ReadonlySignal<string>;
  /** Class indices, sorted by the newest scores. */
  readonly ranking: ReadonlySignal<number[]>;
  /** Of the active pane's model. */
  readonly predictions: ReadonlySignal<Predictions>;

  // Of all panes.
  readonly busy: ReadonlySignal<boolean>;
  readonly awaited: ReadonlySignal<Waiting>;

  #panes: Panes;
  #images: Images;
  #panels = new Map<string, unknown>();

  constructor(model: WidgetModel, abort: AbortSignal, decode: Decode = decodeBitmap) {
    const client = new Client(model, this, abort);
    this.client = client;
    this.setup = client.setup;
    this.catalog = new Catalog(this.setup);
    const traits = client.traits() as Traits;
    const { images, models, notices } = this.setup;
    this.notices = signal(notices ?? []);
    this.#images = new Images(images, models.length, {
      features: client.features,
      loaded: () => this.#panes.refresh(),
      lost: (indices, problem) => this.#panes.lost(indices, problem),
      problem: (problem) => this.problem(problem),
      decode,
    });
    this.imageCache = this.#images.cache;
    client.features.serve("export", {
      answered: () => this.#exporting(null),
      failed: () => this.#exporting(null),
      progress: (progress) => this.#exporting(progress),
    });
    const image = (index: number) => this.imageCache.image(index);
    this.#panes = new Panes({ catalog: this.catalog, client, image }, pickChoice(traits));
    this.panes = this.#panes.all;
    this.costs = new Costs(client, this.#panes.main);
    this.active = this.#panes.active;
    this.#panes.arrange(traits.panes ?? []);
    this.display = new Display(traits, this.#signed, (...changed) => client.save(...changed));

    this.choice = computed(() => this.active.value.choice.value);
    this.picture = computed(() => this.active.value.picture.value);
    this.method = computed(() => this.catalog.methodOf(this.choice.value));
    this.colormap = computed(() => this.colormapOf(this.choice.value));
    const scores = computed(() => this.active.value.latest.value?.scores ?? null);
    this.ranking = computed(() => this.catalog.classOrder(scores.value));
    this.busy = computed(() => this.awaited.value !== "idle");
    this.awaited = computed(() => slowest(this.panes.value));
    this.predictions = computed(() => this.#images.predictions[this.choice.value.model_index]);
    this.#restore();
  }

  get main(): Pane {
    return this.#panes.main;
  }

  /** Return the colormap for a map: the one chosen last for maps of its kind. */
  colormapOf(choice: Choice): string {
    return this.display.colormap(this.catalog.signed(choice));
  }

  /** A view opened. */
  open(): void {
    this.client.hello();
    for (const pane of this.panes.peek()) {
      this.imageCache.image(pane.choice.peek().image_index);
      // The kernel sends the first map unasked, but not that of a later choice which it never got.
      pane.open(pane === this.main && !pane.latest.peek());
    }
  }

  /** A view opened in a saved notebook, without a kernel. */
  showSnapshot(): void {
    this.client.end();
    this.ended.value = SAVED;
  }

  // Called for the user.

  /** Choose, in the active pane; `moving` through depth. */
  pick(changed: Overrides, moving = false): void {
    if (this.disconnected.peek()) return;
    this.refusal.value = "";
    const pane = this.active.peek();
    const before = this.panes.peek().map(({ key }) => key);
    const colormap = this.colormapOf(this.main.choice.peek());
    batch(() => {
      pane.own.value = { ...pane.own.peek(), ...changed };
      if (changed.layer !== undefined && !moving) pane.stopPrefetch();
      const affected = this.panes.peek().filter(({ key }, i) => key !== before[i]);
      for (const other of this.panes.peek()) affected.includes(other) ? other.load(moving) : other.amend();
    });
    this.client.save(pane === this.main ? changed : { panes: this.#panes.overrides });
    const now = this.colormapOf(this.main.choice.peek());
    if (now !== colormap) this.client.save({ colormap: now });
  }

  /** The parameters of the method before are kept, so that going back loses none. */
  pickMethod(method: string): void {
    if (method !== this.choice.peek().method) this.pick({ method });
  }

  pickParam(name: string, value: ParamValue): void {
    this.pick({ params: { ...this.choice.peek().params, [name]: value } });
  }

  /** Choose another model, and its default layer where it lacks the chosen one. */
  pickModel(model_index: number): void {
    const { layer } = this.choice.peek();
    const fitting = this.catalog.fit({ ...this.choice.peek(), model_index }).layer;
    this.pick(fitting === layer ? { model_index } : { model_index, layer: fitting });
  }

  pickClass(class_index: number): void {
    const { contrast_index } = this.choice.peek();
    this.pick(contrast_index === class_index ? { class_index, contrast_index: null } : { class_index });
  }

  /** Contrast the chosen class with another one; the same one again ends the contrast. */
  pickContrast(index: number): void {
    const { class_index, contrast_index } = this.choice.peek();
    if (index !== class_index) this.pick({ contrast_index: index === contrast_index ? null : index });
  }

  pickColormap(name: string): void {
    this.display.keepColormap(name, this.catalog.signed(this.choice.peek()));
    this.client.save({ colormap: this.colormapOf(this.main.choice.peek()) });
  }

  /** Fetch the maps of all layers for the active pane, and for panes that follow its layer. */
  fetchAllLayers(): void {
    if (!this.disconnected.peek()) this.#panes.fetchAllLayers();
  }

  dropAllLayers(): void {
    this.#panes.dropAllLayers();
  }

  /** Open a copy of the active pane, apply `changed`, and activate it. */
  addPane(changed: Overrides = {}): void {
    if (this.disconnected.peek()) return;
    if (this.panes.peek().length >= MOST_PANES) {
      this.refusal.value = `${MOST_PANES} panes are open, which is the maximum. Close one first.`;
      return;
    }
    const from = this.active.peek();
    const own = from === this.main ? {} : from.own.peek();
    batch(() => {
      const pane = this.#panes.add(own);
      pane.copyFrom(from);
      this.activate(pane);
      if (Object.keys(changed).length > 0) this.pick(changed);
      else pane.load();
    });
    this.client.save({ panes: this.#panes.overrides });
  }

  closePane(pane: Pane): void {
    const at = this.panes.peek().indexOf(pane);
    if (at < 1) return;
    this.refusal.value = "";
    batch(() => {
      this.#panes.drop(pane);
      // Later panes have another number now: their requests under the old one are sent again.
      for (const other of this.panes.peek().slice(at)) if (!other.idle) other.load();
    });
    this.client.save({ panes: this.#panes.overrides });
  }

  activate(pane: Pane): void {
    this.#panes.active.value = pane;
  }

  cancelExport(): void {
    this.exportProgress.value = null;
    this.client.cancel("export");
  }

  /** Return the state of a panel, which the views share. */
  panel<T>(name: string, create: () => T): T {
    const known = this.#panels.get(name) ?? create();
    this.#panels.set(name, known);
    return known as T;
  }

  dismissNotice(notice: string): void {
    this.notices.value = this.notices.peek().filter((other) => other !== notice);
  }

  // Called by the client.

  traits(): Traits {
    const { main } = this;
    const display = this.display.settings(this.#signed);
    return { ...main.choice.peek(), ...display, panes: this.#panes.overrides, panel: this.display.panel.peek() };
  }

  chosen(changed: Partial<Traits>): void {
    const { main } = this;
    batch(() => {
      main.own.value = pickChoice({ ...main.choice.peek(), ...changed });
      if (changed.panes !== undefined) this.#panes.arrange(changed.panes);
      this.display.take(changed, this.#signed);
      this.#panes.refresh();
    });
    const colormap = this.display.colormap(this.#signed);
    if (colormap !== this.client.traits().colormap) this.client.save({ colormap });
  }

  generation(model: number, generation: number): void {
    this.catalog.setGeneration(model, generation);
    this.#images.predictions[model]?.renew(generation);
    for (const pane of this.panes.peek()) pane.refetch();
  }

  /** Show an error that no pane caused, in the active one. */
  problem(problem: Problem): void {
    this.active.peek().problem.value = problem;
  }

  gone(): void {
    const { main } = this;
    this.ended.value = RESTARTED;
    this.exportProgress.value = null;
    main.own.value = main.picture.peek()?.result?.choice ?? main.choice.peek();
  }

  #exporting(progress: Progress | null): void {
    this.exportProgress.value = progress && progress.done < progress.total ? progress : null;
  }

  #restore(): void {
    const kept = this.client.snapshot();
    if (!kept) return;
    this.main.latest.value = kept.result;
    const { image_index } = kept.result.choice;
    if (kept.image) void this.imageCache.keep([image_index], 0, [kept.image], [kept.size]);
  }

  /** Whether the main pane's map is signed: the trait `colormap` is that of its kind. */
  get #signed(): boolean {
    return this.catalog.signed(this.main.choice.peek());
  }
}
