import type { AllLayersContent } from "../kernel/allLayers.ts";
import type {
  Bytes,
  Choice,
  FeatureContent,
  FromKernel,
  MapContent,
  ParamValue,
  ScoresKind,
  Setup,
  WidgetModel,
} from "../messages.ts";
import { emptyReason } from "../text/emptyReason.ts";

/** A map as `ke_widgets/widget/export/job.py` writes it; its values are base64. */
interface Stored {
  map: MapContent;
  values: string;
  empty_reason: string | null;
  completeness?: [number, number];
  milliseconds: number;
}

/** Everything that the file contains. */
export interface Contents {
  setup: Setup;
  traits: Record<string, unknown>;
  /** PNG or JPEG as base64, and height and width. */
  images: { data: string; size: [number, number] }[];
  /** Of each model, of each image: base64 of float32. */
  scores: { kind: ScoresKind; values: string }[][];
  /** Of each model, of each image. */
  predictions: { top: number; score: number | null; correct: boolean | null }[][];
  /** By `name`; an error where the method failed. */
  maps: Record<string, Stored | { error: string }>;
}

/** What the page asks of it. */
type Asked =
  | { kind: "hello" | "cancel" | "check" | "ack" }
  | { kind: "explain" | "all_layers"; id: string; pane: number; choice: Choice }
  | { kind: "images"; id: string; indices: number[]; size: number }
  | { kind: "predictions"; id: string; indices: number[]; model_index: number };
type Request = Extract<Asked, { choice: Choice }>;
type Answer = [FromKernel | FeatureContent, Bytes[]];
type Callback = (...args: unknown[]) => void;

/** Stands in for a kernel: answers the page's requests from what was computed before. */
export class Archive implements WidgetModel {
  #contents: Contents;
  #state: Record<string, unknown>;
  #listeners = new Map<string, Set<Callback>>();
  #serial = 0;

  constructor(contents: Contents) {
    this.#contents = contents;
    this.#state = { ...contents.traits, _setup: contents.setup, _snapshot: {} };
  }

  get(name: string): unknown {
    return this.#state[name];
  }

  set(name: string, value: unknown): void {
    this.#state[name] = value;
    this.#emit(`change:${name}`);
  }

  /** There is no kernel to save to. */
  save_changes(): void {}

  /** Answer, like a kernel, after the request was sent. */
  send(content: unknown): void {
    queueMicrotask(() => {
      const answer = this.#answer(content as Asked);
      if (answer) this.#emit("msg:custom", ...answer);
    });
  }

  on(name: string, callback: Callback): void {
    const all = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, all.add(callback));
  }

  off(name: string, callback: Callback): void {
    this.#listeners.get(name)?.delete(callback);
  }

  #emit(name: string, ...args: unknown[]): void {
    for (const callback of [...(this.#listeners.get(name) ?? [])]) callback(...args);
  }

  #answer(message: Asked): Answer | null {
    const { traits } = this.#contents;
    try {
      if (message.kind === "hello") return this.#result(null, 0, traits as unknown as Choice);
      if (message.kind === "explain") return this.#result(message.id, message.pane, message.choice);
      if (message.kind === "all_layers") return this.#allLayers(message);
      if (message.kind === "images") return this.#images(message);
      if (message.kind === "predictions") return this.#predictions(message);
      return null; // Nothing runs that could be cancelled.
    } catch (error) {
      const { message: text } = error as Error;
      const id = "id" in message ? message.id : null;
      return [{ kind: "error", id, pane: null, message: text, hint: null, choice: null }, []];
    }
  }

  #images(message: Extract<Asked, { size: number }>): Answer {
    const { images } = this.#contents;
    const shown = message.indices.map((index) => images[index] ?? missing(`image ${index}`));
    const content = { ...message, sizes: shown.map(({ size }) => size) };
    return [content, shown.map(({ data }) => bytes(data))];
  }

  #predictions(message: Extract<Asked, { model_index: number }>): Answer {
    const own = this.#contents.predictions[message.model_index];
    const details = message.indices.map((index) => own[index] ?? missing(`image ${index}`));
    const top = details.map((one) => one.top);
    const score = details.map((one) => one.score ?? Number.NaN);
    const content = { ...message, generation: 0, top, score, correct: details.map(({ correct }) => correct) };
    return [content, []];
  }

  #result(id: string | null, pane: number, choice: Choice): Answer {
    const { scores } = this.#contents;
    const { values, ...stored } = this.#find(choice);
    const own = scores[choice.model_index][choice.image_index];
    this.#serial += 1;
    const empty_reason = stored.empty_reason ?? emptyReason(stored.map);
    const details = { empty_reason, completeness: stored.completeness, scores_kind: own.kind, done: 1, total: 1 };
    return [
      { kind: "result", id, pane, serial: this.#serial, generation: 0, choice, ...stored, ...details },
      [bytes(values), bytes(own.values)],
    ];
  }

  /** Return all layers in the file. */
  #allLayers({ id, pane, choice }: Request): Answer {
    const { layers } = this.#contents.setup.models[choice.model_index].all_layers;
    const found = layers.map((layer) => this.#find({ ...choice, layer }));
    const buffers = found.map(({ values }) => bytes(values));
    const all = new Uint8Array(buffers.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of buffers) {
      all.set(part, at);
      at += part.length;
    }
    this.#serial += 1;
    const details = { generation: 0, layers, maps: found.map(({ map }) => map), milliseconds: 0 };
    const content: AllLayersContent = { kind: "all_layers", id, pane, serial: this.#serial, choice, ...details };
    return [content, [all]];
  }

  #find(choice: Choice): Stored {
    const stored = this.#contents.maps[name(choice, this.#contents.setup)];
    if (!stored || !this.#sameParams(choice) || (choice.contrast_index ?? null) !== null)
      missing(describe(choice, this.#contents.setup));
    if ("error" in stored) throw new Error(stored.error);
    return stored;
  }

  /** Parameters must be those of the export. */
  #sameParams({ method, params }: Choice): boolean {
    const { setup, traits } = this.#contents;
    const own = setup.methods.find((one) => one.name === method)?.params ?? [];
    const used = traits.params as Record<string, ParamValue>;
    return own.every((param) => (params[param.name] ?? param.default) === (used[param.name] ?? param.default));
  }
}

/** Return the key of a map; a method that explains the input has one for all layers. */
function name({ model_index, image_index, class_index, method, layer }: Choice, { methods }: Setup): string {
  const hasLayer = methods.find((one) => one.name === method)?.uses_layer;
  return [model_index, image_index, class_index, method, hasLayer ? layer : ""].join(" ");
}

function describe(choice: Choice, { labels, image_indices: indices }: Setup): string {
  const [own, other] = [choice.class_index, choice.contrast_index ?? -1].map((index) => labels[index]);
  const image = `image ${indices?.[choice.image_index] ?? choice.image_index}`;
  return `${choice.method} of ${own}${other ? ` rather than ${other}` : ""} at ${choice.layer}, ${image}`;
}

function missing(what: string): never {
  throw new Error(`Not in this file: ${what}. It holds only what was exported.`);
}

function bytes(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}
