/** Messages between Python and the page; `ke_widgets/widget/comm/messages.py` is the other half. */

export interface LayerNode {
  path: string;
  name: string;
  type: string;
  shape: (number | null)[] | null;
  level: number;
  /** Index of the nested model that this node belongs to, or -1. */
  parent: number;
  /** Has an output with rows and columns, and so can be explained. */
  spatial: boolean;
  /** Can be explained, but this file has no map of it. */
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
  /** The values that a number may have in the form. */
  low?: number | null;
  high?: number | null;
  help?: string | null;
}

export interface Method {
  name: string;
  title: string;
  /** Title of its family. */
  family?: string;
  /** The question that its map answers. */
  answers?: string;
  /** Whether its map depends on the layer. */
  uses_layer: boolean;
  signed: boolean;
  /** Whether it goes a way to the image that can be played. */
  way?: boolean;
  /** Unit of the map's values; empty where their scale has no meaning. */
  unit?: string;
  params: Param[];
  /** Why it applies to none of the models; absent where it applies. */
  reason?: string;
}

export interface Setup {
  version: number;
  images: number;
  /** In a file with some of the images: their indices in Python. */
  image_indices?: number[];
  models: ModelSetup[];
  labels: string[];
  methods: Method[];
  colormaps: string[];
  notices: string[];
  /** Names of the methods that explain all layers in one pass. */
  all_layers_methods: string[];
  /** Whether the true classes are known. */
  y_true: boolean;
  /** Scores are shares of the pixels: the classes are the channels of a segmentation. */
  shares?: boolean;
  /** The kernel's panels, in the order of their tabs; the page shows those that it has too. */
  panels?: { name: string; title: string }[];
  /** Set in an exported file, which has no kernel: the classes that it has maps of. */
  file?: { classes: number[] };
}

export interface ModelSetup {
  name: string;
  nodes: LayerNode[];
  edges_known: boolean;
  default_layer: string;
  /** All layers in one pass: whether that is offered, why not, and which layers, from first to last. */
  all_layers: { offered: boolean; reason: string | null; layers: string[] };
}

/** Everything that a map depends on. */
export interface Choice {
  image_index: number;
  layer: string;
  class_index: number;
  /** The class that `class_index` is contrasted with; null for no contrast. */
  contrast_index: number | null;
  method: string;
  params: Record<string, ParamValue>;
  /** Index of the model. */
  model_index: number;
}

/** The differences of another pane from the main one. */
export type Overrides = Partial<Choice>;

export type View = "overlay" | "map" | "image";

/** Display settings: the kernel is not involved. */
export interface Display {
  opacity: number;
  colormap: string;
  threshold: number;
  view: View;
}

export type Traits = Choice &
  Display & {
    panes: Overrides[];
    /** Name of the open panel; empty for none. */
    panel: string;
  };

export const CHOICE_KEYS = [
  "image_index",
  "layer",
  "class_index",
  "contrast_index",
  "method",
  "params",
  "model_index",
] as const;
export const DISPLAY_KEYS = ["opacity", "colormap", "threshold", "view"] as const;

/** A region of a picture, as shares of its height and width: top, left, bottom, right. */
export type Region = readonly [number, number, number, number];

export const WHOLE: Region = [0, 0, 1, 1];

export interface MapContent {
  height: number;
  width: number;
  /** Start of the display range (of a signed map: the strongest negative value). */
  low: number;
  /** End of the display range. */
  high: number;
  min: number;
  max: number;
  /** The float16 values are multiples of this. */
  scale: number;
  finite: boolean;
  /** The region of the picture that the model sees, which the map covers; the whole picture if absent. */
  input_region?: Region;
}

/** What scores are: `value` as the model gives them, `share` of the pixels that a channel of a segmentation wins. */
export type ScoresKind = "probability" | "logit" | "value" | "share";

export interface ResultContent {
  kind: "result";
  id: string | null;
  /** 0 is the main pane. */
  pane?: number;
  serial: number;
  /** How many times the model's weights had changed. */
  generation: number;
  choice: Choice;
  map: MapContent;
  scores_kind: ScoresKind;
  milliseconds: number;
  empty_reason: string | null;
  /** Of a map whose values sum to a difference of scores: their sum, and the difference. */
  completeness?: readonly [number, number] | null;
  /** Steps of the computation; fewer than `total` if it was cancelled. */
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

/** The reply of a feature; see `ke_widgets/widget/features`. */
export interface FeatureContent {
  /** Name of the feature. */
  kind: string;
  id: string | null;
  pane?: number;
  /** What it depends on, if that is a choice, and how many times the weights of its model had changed. */
  choice?: Choice;
  generation?: number;
}

export interface ErrorContent extends Problem {
  kind: "error";
  id: string | null;
  /** The pane that caused it; null if none did. */
  pane: number | null;
  choice: Choice | null;
}

/** The answer to `check`. */
export interface StandingContent {
  kind: "check_reply";
  id: string | null;
  pane: number;
  known: boolean;
}

/** Traits that Python set, resent until the page acknowledges them: a server may drop messages. */
export interface StateContent {
  kind: "state";
  id: null;
  number: number;
  /** Of the newest result. */
  serial: number;
  traits: Partial<Traits>;
}

/** All but the features' replies. */
export type FromKernel =
  | ResultContent
  | ProgressContent
  | { kind: "superseded"; id: string }
  | StandingContent
  | StateContent
  /** Models were trained or loaded: how many times the weights of each have changed. */
  | { kind: "generations"; id: null; generations: number[] }
  | ErrorContent;

export type ToKernel =
  | { kind: "hello" }
  | { kind: "explain"; id: string; pane: number; choice: Partial<Choice> }
  | { kind: "cancel"; id: string | null; pane: number }
  /** Does the kernel have this request, or with `null` what it started by itself for this pane? */
  | { kind: "check"; id: string | null; pane: number }
  /** Acknowledges the state with that number. */
  | { kind: "ack"; number: number }
  | FeatureRequest;

/** What a feature is asked: the fields of its request in Python. */
export type Fields = Record<string, unknown> & { choice?: Partial<Choice> };

/** A request to a feature, with its name; one that each pane makes for itself has a pane. */
export type FeatureRequest = Fields & { kind: string; id: string; pane?: number };

/** Bytes, in the types that hosts deliver. */
export type Bytes = DataView | ArrayBuffer | Uint8Array;

export interface Snapshot {
  content?: ResultContent;
  map?: Bytes;
  scores?: Bytes;
  image?: Bytes;
  size?: [number, number];
}

/** A decoded result. */
export interface Result extends ResultContent {
  values: Float32Array;
  scores: Float32Array;
  /** It is not complete yet. */
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

/** `slow`: no message for a second. */
export type Waiting = "idle" | "asked" | "slow";

/** The anywidget model. */
export interface WidgetModel {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  save_changes(): void;
  send(content: unknown): unknown;
  // biome-ignore lint/suspicious/noExplicitAny: the arguments differ by event
  on(name: string, callback: (...args: any[]) => void): void;
  // biome-ignore lint/suspicious/noExplicitAny: the arguments differ by event
  off(name: string, callback: (...args: any[]) => void): void;
}
