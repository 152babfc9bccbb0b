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
  /** Could be explained, but this file holds no map of it. */
  absent?: boolean;
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
  /** What a number of its map is; empty where the scale has no meaning. */
  unit?: string;
  params: Param[];
  /** Why it explains none of the models; absent where it does. */
  reason?: string;
}

export interface Setup {
  version: number;
  images: number;
  /** Of a file that holds some of them: the numbers that they have in Python. */
  image_numbers?: number[];
  models: ModelSetup[];
  labels: string[];
  methods: Method[];
  colormaps: string[];
  notices: string[];
  /** Names of the methods that explain all layers in one pass. */
  scan_methods: string[];
  /** Whether the right classes are known. */
  targets: boolean;
  /** This page is a file without a kernel: the classes whose maps it holds. All it offers, it has. */
  file?: { classes: number[] };
}

export interface ModelSetup {
  name: string;
  nodes: LayerNode[];
  edges_known: boolean;
  default_layer: string;
  /** All layers at once: whether memory allows it, why not, and which layers, from first to last. */
  scan: { offered: boolean; reason: string | null; layers: string[] };
}

/** What a map depends on. */
export interface Choice {
  image_index: number;
  layer: string;
  class_index: number;
  /** Why `class_index` and not this one; null for no contrast. */
  contrast_index: number | null;
  method: string;
  params: Record<string, ParamValue>;
  /** Which of the models. */
  model: number;
}

/** What another pane shows; the rest is as in the main one. */
export type Overrides = Partial<Choice>;

export type View = "overlay" | "map" | "image";

/** How a map is shown; the kernel is never asked about it. */
export interface Display {
  opacity: number;
  colormap: string;
  threshold: number;
  view: View;
}

export type Traits = Choice & Display & { panes: Overrides[] };

export const CHOICE_KEYS = [
  "image_index",
  "layer",
  "class_index",
  "contrast_index",
  "method",
  "params",
  "model",
] as const;
export const DISPLAY_KEYS = ["opacity", "colormap", "threshold", "view"] as const;

/** A part of a picture in shares of its height and width: top, left, bottom, right. */
export type Part = readonly [number, number, number, number];

export const WHOLE: Part = [0, 0, 1, 1];

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
  /** What the model saw of the picture: there the map lies. The whole, where it is not said. */
  seen?: Part;
}

export interface ResultContent {
  kind: "result";
  id: string | null;
  /** 0 is the main one. */
  pane?: number;
  serial: number;
  /** How often the model's weights had changed. */
  generation: number;
  choice: Choice;
  map: MapContent;
  scores_kind: "probability" | "logit";
  milliseconds: number;
  note: string | null;
  /** Pieces that the map is made of; fewer than `total` where the work was cancelled. */
  done?: number;
  total?: number;
}

export interface ProgressContent {
  kind: "progress";
  id: string | null;
  pane?: number;
  done: number;
  total: number;
  text: string;
  /** The map so far. */
  map?: MapContent | null;
}

export interface AllLayersContent {
  kind: "scan";
  id: string;
  pane: number;
  serial: number;
  generation: number;
  choice: Choice;
  layers: string[];
  maps: MapContent[];
  milliseconds: number;
}

export interface PredictionsContent {
  kind: "predictions";
  id: string;
  model: number;
  generation: number;
  indices: number[];
  top: number[];
  score: number[];
  right: (boolean | null)[];
}

export interface ImagesContent {
  kind: "images";
  id: string;
  indices: number[];
  size: number;
  sizes: [number, number][];
}

export interface ErrorContent extends Problem {
  kind: "error";
  id: string | null;
  /** That it was caused in; null where it is of none. */
  pane: number | null;
  choice: Choice | null;
}

/** The answer to `check`. */
export interface StandingContent {
  kind: "standing";
  id: string | null;
  pane: number;
  known: boolean;
}

/** What Python chose, said again until it was seen: a server may drop messages. */
export interface StateContent {
  kind: "state";
  id: null;
  number: number;
  /** Of the newest result. */
  serial: number;
  traits: Partial<Traits>;
}

export type FromKernel =
  | ResultContent
  | ImagesContent
  | AllLayersContent
  | PredictionsContent
  | ProgressContent
  | { kind: "superseded"; id: string }
  | StandingContent
  | StateContent
  /** Models were trained or loaded: how often the weights of each have changed. */
  | { kind: "weights"; id: null; generations: number[] }
  | ErrorContent;

export type ToKernel =
  | { kind: "hello" }
  | { kind: "explain" | "scan"; id: string; pane: number; choice: Partial<Choice> }
  | { kind: "cancel"; id: string | null; pane: number }
  /** Is it at this question, or with `null` at what it began by itself for this pane? */
  | { kind: "check"; id: string | null; pane: number }
  /** The state of that number was seen. */
  | { kind: "seen"; number: number }
  | ({ id: string } & SideRequest);

/** What is asked for beside the maps. */
export type SideRequest =
  | { kind: "images"; indices: number[]; size: number }
  | { kind: "predictions"; indices: number[]; model: number };

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
  /** More of it is on its way. */
  preview?: boolean;
}

export interface Progress {
  done: number;
  total: number;
  text: string;
}

export interface Problem {
  message: string;
  hint: string | null;
  /** The traceback. */
  details?: string | null;
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
