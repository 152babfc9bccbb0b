/** What Python and the page say to each other; `ke_widgets/widget/protocol.py` has the other half. */

export interface LayerNode {
  path: string;
  name: string;
  type: string;
  shape: (number | null)[] | null;
  level: number;
  /** Index of the nested model that this node belongs to, or -1. */
  parent: number;
  /** Has an output with rows and columns, so it can be explained. */
  spatial: boolean;
  params: number;
  inputs: number[];
}

export type ParamValue = boolean | number | string;

export interface Param {
  name: string;
  kind: "bool" | "int" | "float" | "choice";
  default: ParamValue;
  choices?: ParamValue[] | null;
  help?: string | null;
}

export interface Method {
  name: string;
  title: string;
  /** Whether its map depends on the layer. */
  layer: boolean;
  signed: boolean;
  params: Param[];
}

export interface Setup {
  version: number;
  model: string;
  images: number;
  image_labels?: string[] | null;
  nodes: LayerNode[];
  edges_known: boolean;
  labels: string[];
  methods: Method[];
  colormaps: string[];
  notices: string[];
}

/** What a map depends on. */
export interface Choice {
  image_index: number;
  layer: string;
  class_index: number;
  method: string;
  params: Record<string, ParamValue>;
}

/** How a map is shown; the kernel is never asked about it. */
export interface Look {
  opacity: number;
  colormap: string;
  threshold: number;
}

export type Traits = Choice & Look;

export const CHOICE_KEYS = ["image_index", "layer", "class_index", "method", "params"] as const;
export const LOOK_KEYS = ["opacity", "colormap", "threshold"] as const;

export interface MapContent {
  height: number;
  width: number;
  /** Shown as nothing (of a signed map: as most against). */
  low: number;
  /** Shown as most. */
  high: number;
  min: number;
  max: number;
  /** What the float16 numbers are in units of. */
  scale: number;
  finite: boolean;
}

export interface ResultContent {
  kind: "result";
  id: string | null;
  serial: number;
  choice: Choice;
  map: MapContent;
  unit: string;
  scores_kind: "probability" | "logit";
  milliseconds: number;
  note: string | null;
}

export interface ImagesContent {
  kind: "images";
  id: string;
  indices: number[];
  size: number;
  sizes: [number, number][];
}

export type FromKernel =
  | ResultContent
  | ImagesContent
  | { kind: "superseded"; id: string }
  | { kind: "progress"; id: string | null; done: number; total: number; text: string }
  | { kind: "error"; id: string | null; message: string; hint: string | null; choice: Choice | null };

export type ToKernel =
  | { kind: "hello" }
  | { kind: "explain"; id: string; choice: Choice }
  | { kind: "cancel"; id: string }
  | { kind: "images"; id: string; indices: number[]; size: number };

/** Bytes as hosts hand them over. */
export type Bytes = DataView | ArrayBuffer | Uint8Array;

export interface Snapshot {
  content?: ResultContent;
  map?: Bytes;
  scores?: Bytes;
  image?: Bytes;
  size?: [number, number];
}

/** A result, decoded. */
export interface Result extends ResultContent {
  values: Float32Array;
  scores: Float32Array;
}

export interface Progress {
  done: number;
  total: number;
  text: string;
}

export interface Problem {
  message: string;
  hint: string | null;
}

/** `slow`: asked, and nothing heard for a second. */
export type Waiting = "idle" | "asked" | "slow";

/** What anywidget hands over for a widget. */
export interface WidgetModel {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  save_changes(): void;
  send(content: unknown): unknown;
  // biome-ignore lint/suspicious/noExplicitAny: the events differ in what they bring
  on(name: string, callback: (...args: any[]) => void): void;
  // biome-ignore lint/suspicious/noExplicitAny: the same
  off(name: string, callback: (...args: any[]) => void): void;
}

/** The choice with everything spelled out that the map depends on, and nothing else, so that equal maps compare equal. */
export function resolve(choice: Choice, methods: readonly Method[]): string {
  const method = methods.find(({ name }) => name === choice.method);
  const own = method?.params.map(({ name, default: value }) => [name, choice.params[name] ?? value] as const);
  const params = own ?? Object.entries(choice.params);
  return JSON.stringify([
    choice.image_index,
    (method?.layer ?? true) ? choice.layer : "",
    choice.class_index,
    choice.method,
    params,
  ]);
}

export function pickChoice({ image_index, layer, class_index, method, params }: Choice): Choice {
  return { image_index, layer, class_index, method, params };
}
