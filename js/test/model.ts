import type { Choice, LayerNode, Setup, Traits, WidgetModel } from "../src/messages.ts";
import { Store } from "../src/state/store.ts";

export function node(path: string, parent = -1, spatial = true, type = "Conv2D"): LayerNode {
  const name = path.split("/").at(-1) as string;
  const level = path.split("/").length - 1;
  return { path, name, type, shape: [null, 4, 4, 8], level, parent, spatial, params: 0, inputs: [] };
}

const NODES = [node("input", -1, false, "InputLayer"), node("a"), node("b"), node("c")];

export const SETUP: Setup = {
  version: 1,
  images: 5,
  models: [
    {
      name: "tiny",
      nodes: NODES,
      edges_known: true,
      default_layer: "c",
      all_layers: { offered: true, reason: null, layers: ["a", "b", "c"] },
    },
  ],
  all_layers_methods: ["gradcam"],
  y_true: true,
  labels: ["cat", "dog", "bird"],
  methods: [
    {
      name: "gradcam",
      title: "Grad-CAM",
      uses_layer: true,
      signed: false,
      params: [{ name: "power", kind: "int", default: 1 }],
    },
    { name: "gradients", title: "Gradients", uses_layer: false, signed: true, params: [] },
  ],
  colormaps: ["inferno", "RdBu_r"],
  notices: [],
  panels: [{ name: "curves", title: "Curves" }],
};

export const CHOICE: Choice = {
  image_index: 0,
  layer: "a",
  class_index: 0,
  contrast_index: null,
  method: "gradcam",
  params: {},
  model_index: 0,
};
const TRAITS: Traits = {
  ...CHOICE,
  opacity: 0.6,
  colormap: "inferno",
  threshold: 0,
  view: "overlay",
  panes: [],
  panel: "",
};

// biome-ignore lint/suspicious/noExplicitAny: tests read what was sent without its types
type Message = any;

/** An image that no test decodes. */
export const PNG = new DataView(new ArrayBuffer(1));

/** An open page without views: its model, its store, and what ends it. */
export function openStore(state: Record<string, unknown> = {}) {
  const model = new FakeModel(state);
  const end = new AbortController();
  const store = new Store(model, end.signal, async () => ({ width: 4, height: 4 }) as ImageBitmap);
  store.open();
  return { model, store, end };
}

/** An anywidget model: keeps what the page sends and saves, and says what a test tells it to. */
export class FakeModel implements WidgetModel {
  sent: Message[] = [];
  saves: Record<string, unknown>[] = [];
  dead = false;
  state: Record<string, unknown>;
  #unsaved: Record<string, unknown> = {};
  #listeners = new Map<string, Set<(...args: Message[]) => void>>();

  constructor(state: Record<string, unknown> = {}) {
    this.state = { ...TRAITS, _setup: SETUP, _snapshot: {}, ...state };
  }

  get explains(): Message[] {
    return this.sent.filter(({ kind }) => kind === "explain");
  }

  get listening(): number {
    return [...this.#listeners.values()].reduce((sum, { size }) => sum + size, 0);
  }

  get(name: string) {
    return this.state[name];
  }

  set(name: string, value: unknown) {
    this.state[name] = value;
    this.#unsaved[name] = value;
    this.emit(`change:${name}`);
  }

  save_changes() {
    this.saves.push(this.#unsaved);
    this.#unsaved = {};
  }

  send(message: Message) {
    if (this.dead) throw new Error("Cannot send");
    this.sent.push(structuredClone(message));
  }

  on(name: string, callback: (...args: Message[]) => void) {
    const all = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, all.add(callback));
  }

  off(name: string, callback: (...args: Message[]) => void) {
    this.#listeners.get(name)?.delete(callback);
  }

  say(content: Message, buffers: DataView[] = []) {
    this.emit("msg:custom", structuredClone(content), buffers);
  }

  /** A cell set traits; they arrive in one message. */
  async python(changed: Partial<Traits>) {
    Object.assign(this.state, changed);
    for (const name of Object.keys(changed)) this.emit(`change:${name}`);
    await Promise.resolve();
  }

  /** Answer what the page checks: whether the kernel is at those questions. */
  stand(known: boolean) {
    const checks = this.sent.filter(({ kind }) => kind === "check");
    this.sent = this.sent.filter(({ kind }) => kind !== "check");
    for (const { id, pane } of checks) this.say({ kind: "check_reply", id, pane, known });
  }

  /** Send images of 4 x 4, which an open page decodes at once. */
  sendImages(...indices: number[]) {
    for (const index of indices) {
      this.say({ kind: "images", id: "x", indices: [index], size: 0, sizes: [[4, 4]] }, [PNG]);
    }
  }

  /** Answer a question with a result. */
  answer(explain: { id: string | null; choice: Choice }, serial: number) {
    this.say(...resultFor(explain.choice, serial, explain.id));
  }

  emit(name: string, ...args: Message[]) {
    for (const callback of [...(this.#listeners.get(name) ?? [])]) callback(...args);
  }
}

export function resultFor(choice: Choice, serial: number, id: string | null = null): [Message, DataView[]] {
  const map = { height: 1, width: 2, low: 0, high: 2, min: 0, max: 2, scale: 2, finite: true };
  const details = { scores_kind: "probability", milliseconds: 1, empty_reason: null };
  const scores = new DataView(Float32Array.from([0.1, 0.7, 0.2]).buffer);
  const values = new DataView(Uint16Array.from([0, 0x3c00]).buffer);
  return [{ kind: "result", id, serial, generation: 0, choice, map, ...details }, [values, scores]];
}

/** The maps of layers a, b and c, 2 by 2 each, with 4, 3.5 and 3 at one place and 1 at the others. */
export function allLayersFor({ id, pane, choice }: Message, serial: number): [Message, DataView[]] {
  const layers = ["a", "b", "c"];
  const map = { height: 2, width: 2, low: 0, high: 4, min: 0, max: 4, scale: 4, finite: true };
  const bits = layers.flatMap((_, i) => [0x3c00 - 0x100 * i, 0x3400, 0x3400, 0x3400]);
  const buffer = new DataView(Uint16Array.from(bits).buffer);
  const maps = layers.map(() => map);
  return [{ kind: "all_layers", id, pane, serial, generation: 0, choice, layers, maps, milliseconds: 9 }, [buffer]];
}
