// A stand-in for the kernel, for looking at the page without Jupyter: drawn images, made-up maps.

const LABELS = ["star", "triangle", "disc", "ring", "cross", "square", "heart", "crescent"];
const METHODS = [
  {
    name: "gradcam",
    title: "Grad-CAM",
    family: "Class activation maps",
    answers: "Where do the channels that raise the class score respond?",
    uses_layer: true,
    signed: false,
    unit: "logit",
    params: [],
  },
  {
    name: "gradients",
    title: "Input gradients",
    family: "Gradients",
    answers: "Which pixels, changed a little, would move the score most?",
    uses_layer: false,
    signed: true,
    unit: "logit per unit of input",
    params: [],
  },
  {
    name: "smooth",
    title: "SmoothGrad",
    family: "Gradients over noise",
    answers: "Which pixels move the score most, on average over noisy copies of the image?",
    uses_layer: true,
    signed: false,
    params: [
      { name: "samples", kind: "int", default: 20, help: "Noisy copies to average over." },
      { name: "noise", kind: "float", default: 0.2 },
      { name: "squared", kind: "bool", default: false },
      { name: "reduce", kind: "choice", default: "mean", choices: ["mean", "max"] },
    ],
  },
];

/** Further methods of the case `menu`; the first does not apply. */
const MORE = [
  ["cam", "CAM", "Class activation maps", "Where at the last layer does the class score come from?"],
  ["layercam", "LayerCAM", "Class activation maps", "Which cells of this layer raise the class score, each by itself?"],
  ["scorecam", "Score-CAM", "Class activation maps", "Where does a part of the image alone keep the score high?"],
  ["full_gradients", "Full-gradients", "Gradients", "Where do image and biases together make the score?"],
  ["guided", "Guided integrated gradients", "Paths from a baseline", "What does each pixel add, around noisy regions?"],
  ["integrated", "Integrated gradients", "Paths from a baseline", "What does each pixel add to the score?"],
  ["kernel_shap", "KernelSHAP", "Perturbations", "What is each region's fair share of the score?"],
  ["occlusion", "Occlusion", "Perturbations", "How much does the score fall when this place is covered?"],
  ["rise", "RISE", "Perturbations", "Which places keep the score high, when others are masked at random?"],
].map(([name, title, family, answers], i) => ({
  ...METHODS[0],
  ...{ name, title, family, answers, way: name === "integrated" },
  ...(i === 0 && {
    reason: "CAM needs one dense layer, or 1x1 convolution, after global pooling, and 'pool' has no such kernel.",
  }),
}));
const FAMILIES = [
  "Class activation maps",
  "Gradients",
  "Gradients over noise",
  "Paths from a baseline",
  "Perturbations",
];
const MENU = FAMILIES.flatMap((title) => [...METHODS, ...MORE].filter(({ family }) => family === title));

let seed = 7;
function random() {
  seed = (seed * 16807) % 2147483647;
  return seed / 2147483647;
}

/** A scene like the demo's: textured ground, three shapes. */
function draw(index, side) {
  seed = 1000 + 7919 * index;
  const canvas = new OffscreenCanvas(side, side);
  const context = canvas.getContext("2d");
  const hue = random() * 360;
  for (let i = 0; i < 900; i++) {
    context.fillStyle = `hsl(${hue + random() * 40} 22% ${48 + random() * 24}%)`;
    context.fillRect(random() * side * 1.1 - side * 0.1, random() * side * 1.1 - side * 0.1, side / 9, side / 9);
  }
  for (const [k, corners] of [10, 40, 3].entries()) {
    const [x, y, radius] = [0.25 + 0.5 * (k % 2), 0.22 + 0.3 * k, 0.1 + 0.05 * random()];
    context.save();
    context.translate(x * side, y * side);
    context.rotate(random() * 3);
    context.fillStyle = `hsl(${random() * 360} 65% 45%)`;
    context.beginPath();
    for (let i = 0; i < corners; i++) {
      const length = (k === 0 && i % 2 ? 0.42 : 1) * radius * side;
      const angle = (i / corners) * 2 * Math.PI;
      context.lineTo(length * Math.cos(angle), length * Math.sin(angle));
    }
    context.fill();
    context.restore();
  }
  return canvas;
}

async function png(index, size, own, ratio) {
  const canvas = new OffscreenCanvas(size || own, (size || own) / ratio);
  canvas.getContext("2d").drawImage(draw(index, own), 0, 0, canvas.width, canvas.height);
  const blob = await canvas.convertToBlob({ type: "image/png" });
  return new DataView(await blob.arrayBuffer());
}

function nodes(large) {
  const rows = [];
  let last = -1;
  const add = (path, type, shape, parent = -1, spatial = shape?.length === 4) => {
    const own = rows.length;
    const inputs = type === "Functional" || last < 0 ? [] : [last];
    if (type !== "Functional") last = own;
    rows.push({
      path,
      name: parent < 0 ? path : path.split("/").at(-1),
      type,
      shape,
      level: parent < 0 ? 0 : rows[parent].level + 1,
      parent,
      spatial,
      params: type === "Conv2D" ? 36928 : 0,
      inputs,
    });
    return own;
  };
  add("input", "InputLayer", [null, 96, 96, 3], -1, false);
  add("rescaling", "Rescaling", [null, 96, 96, 3], -1, false);
  const backbone = large ? add("backbone", "Functional", [null, 6, 6, 128]) : -1;
  const prefix = large ? "backbone/" : "";
  for (let b = 1; b <= (large ? 40 : 4); b++) {
    const side = Math.max(6, 96 >> b);
    const shape = [null, side, side, 8 << Math.min(b, 4)];
    const block = add(`${prefix}block${b}`, "Functional", shape, backbone);
    for (const [name, type] of [
      ["conv1", "Conv2D"],
      ["batch_normalization", "BatchNormalization"],
      ["conv2", "Conv2D"],
      ["add", "Add"],
    ]) {
      add(`${prefix}block${b}/${name}`, type, shape, block);
    }
  }
  add("global_average_pooling2d", "GlobalAveragePooling2D", [null, 128]);
  add("<b>logits</b>", "Dense", [null, 8]);
  return rows;
}

function half(value) {
  const [float, bits] = [new Float32Array([value]), 0];
  const word = new Uint32Array(float.buffer)[0] | bits;
  const exponent = ((word >> 23) & 0xff) - 112;
  if (exponent <= 0) return (word >> 16) & 0x8000;
  return ((word >> 16) & 0x8000) | (exponent << 10) | ((word >> 13) & 0x3ff);
}

function explain(choice, serial, id, setup) {
  const method = setup.methods.find(({ name }) => name === choice.method);
  const { nodes } = setup.models[choice.model_index];
  const node = nodes.find(({ path }) => path === choice.layer);
  const side = method.uses_layer ? node.shape[1] : 96;
  const signed = method.signed || choice.contrast_index !== null;
  seed = 31 + 101 * choice.class_index + 13 * choice.image_index + 7 * choice.model_index;
  const [x0, y0] = [
    [0.25, 0.22],
    [0.25, 0.82],
    [0.75, 0.52],
  ][choice.class_index % 3];
  const values = Array.from({ length: side * side }, (_, i) => {
    const [x, y] = [((i % side) + 0.5) / side, (Math.floor(i / side) + 0.5) / side];
    const depth = nodes.indexOf(node) / nodes.length;
    const bump = Math.exp(-((x - x0) ** 2 + (y - y0) ** 2) / (0.06 - 0.05 * depth));
    if (choice.contrast_index !== null) return bump - Math.exp(-((x - 0.75) ** 2 + (y - 0.52) ** 2) / 0.03);
    return method.signed ? (bump + 0.1) * (2 * random() - 1) : bump + 0.08 * random();
  });
  const largest = Math.max(...values.map(Math.abs));
  const map = new DataView(new ArrayBuffer(2 * values.length));
  for (const [i, value] of values.entries()) map.setUint16(2 * i, half(value / largest), true);
  const scores = new DataView(new ArrayBuffer(4 * setup.labels.length));
  for (let i = 0; i < setup.labels.length; i++) {
    const share = ((i * 37 + choice.image_index * 11) % 97) / 97;
    scores.setFloat32(4 * i, setup.untrained ? 0.001 + 4e-7 * ((377 * i) % 1000) : share / (1 + i), true);
  }
  const content = {
    kind: "result",
    id,
    serial,
    generation: 0,
    choice,
    map: {
      height: side,
      width: side,
      low: signed ? -largest : 0,
      high: largest,
      min: 0,
      max: largest,
      scale: largest,
      finite: true,
    },
    scores_kind: "probability",
    milliseconds: 3.2,
    empty_reason: null,
    pane: 0,
    done: 1,
    total: 1,
  };
  return [content, [map, scores]];
}

/** A map that has not converged yet. */
function noisy(map, done) {
  const out = new DataView(map.buffer.slice(0));
  for (let i = 0; i < out.byteLength; i += 2) if (random() > done / 20) out.setUint16(i, half(random()), true);
  return out;
}

/** The rows that Python wrote for a real model. */
async function graph(name) {
  const response = await fetch(new URL(`fixtures/graphs/${name}.json.gz`, import.meta.url));
  return new Response(response.body.pipeThrough(new DecompressionStream("gzip"))).json();
}

/**
 * An anywidget model whose kernel is this file. `kind` is small, large, wide, menu, untrained-1000, notices, slow, dead, constant, toolarge, models, or
 * `graph-NAME` for a model of fixtures/graphs, with `nesting-NAME` for the same as if its edges were not known; with -1000
 * after it there are as many classes.
 */
export async function fakeModel(kind) {
  const large = kind === "large";
  const many = large || kind.endsWith("-1000");
  const labels = many ? Array.from({ length: 1000 }, (_, i) => `${LABELS[i % 8]} number ${i}`) : LABELS;
  const [drawn, name] = /^(?:graph|nesting)-(\w+)/.exec(kind) ?? [];
  const known = drawn ? await graph(name) : { nodes: nodes(large), edges_known: true };
  if (kind.startsWith("nesting")) Object.assign(known, { edges_known: false });
  const setup = {
    version: 1,
    images: large ? 5000 : 24,
    models: ["honest", "cheating"].slice(0, kind === "models" ? 2 : 1).map((name, i) => {
      const rows = i === 0 ? known.nodes : nodes(true).slice(0, 60);
      const layers = rows.filter(({ spatial }) => spatial).map(({ path }) => path);
      const reason = kind === "toolarge" ? "All maps together would need 2.1 GB, more than 1 GB." : null;
      const all_layers = { offered: reason === null, reason, layers };
      return { name, nodes: rows, edges_known: known.edges_known, default_layer: layers.at(-1), all_layers };
    }),
    untrained: kind === "untrained-1000",
    all_layers_methods: ["gradcam"],
    y_true: true,
    labels,
    methods: kind === "menu" ? MENU : METHODS,
    colormaps: ["inferno", "viridis", "magma", "turbo", "gray", "RdBu_r"],
    panels: [
      { name: "curves", title: "Curves" },
      { name: "path", title: "Path" },
    ],
    notices:
      kind === "notices"
        ? ["The images look unscaled: values up to 255, and the model has no Rescaling. Give `preprocess=`."]
        : [],
  };
  const layer = known.nodes.findLast(({ name, spatial }) => (drawn ? spatial : name === "conv2")).path;
  const traits = {
    image_index: 0,
    layer,
    class_index: 0,
    contrast_index: null,
    method: "gradcam",
    params: {},
    model_index: 0,
    opacity: 0.6,
    colormap: "inferno",
    threshold: 0,
    view: "overlay",
    panes: [],
    panel: "",
    _setup: setup,
    _snapshot: {},
  };
  const listeners = new Map();
  const log = [];
  let serial = 0;
  let dead = false;
  let cancelled = false;
  /** What the next questions are answered with instead of a map, if anything. */
  let failing = kind === "error" ? {} : null;
  const emit = (name, ...args) => {
    for (const callback of listeners.get(name) ?? []) callback(...args);
  };
  const say = (content, buffers = []) => emit("msg:custom", structuredClone(content), buffers);
  async function answer(message) {
    if (message.kind === "hello") return say(...explain(pick(traits), ++serial, null, setup));
    if (message.kind === "images") {
      const [own, ratio] = [96, kind === "wide" ? 3 : 1];
      const pngs = await Promise.all(
        message.indices.map((index) => png(index, Math.min(message.size, own), own, ratio)),
      );
      return say({ ...message, sizes: pngs.map(() => [own / ratio, own]) }, pngs);
    }
    if (message.kind === "predictions") {
      const { indices } = message;
      const top = indices.map((index) => (index * 5) % labels.length);
      const correct = indices.map((index) => (index % 7 === 3 ? false : index % 11 === 5 ? null : true));
      return say({ ...message, generation: 0, top, score: indices.map((index) => 0.5 + (index % 50) / 100), correct });
    }
    if (message.kind === "cancel") cancelled = true;
    if (message.kind === "costs") {
      const methods = Object.fromEntries(setup.methods.map(({ name }, i) => [name, [10 * i, 1 + 31.3 * i]]));
      return say({ ...message, costs: { milliseconds: 11.4, methods } });
    }
    if (message.kind === "curves") return curves(message);
    if (message.kind === "path") return way(message);
    if (message.kind === "all_layers") return setTimeout(() => say(...allLayers(message)), 400);
    if (message.kind !== "explain" || kind === "mute") return;
    const [content, buffers] = explain(message.choice, ++serial, message.id, setup);
    content.pane = message.pane;
    if (kind === "constant")
      Object.assign(content, {
        map: { ...content.map, low: 0, high: 0 },
        empty_reason: "The map is zero everywhere: nothing at this layer supports this class.",
      });
    if (failing)
      return say({
        kind: "error",
        id: message.id,
        pane: message.pane,
        message:
          "`layer` must name a layer with a spatial output (B, H, W, K). Received: layer='dense', whose output is (B, 8).",
        hint: "Layers that fit: block1, block2.",
        choice: message.choice,
        ...failing,
      });
    if (message.choice.method === "smooth") {
      cancelled = false;
      for (let done = 1; done < 20 && !cancelled; done++) {
        await new Promise((resolve) => setTimeout(resolve, 150));
        const told = { kind: "progress", id: message.id, done, total: 20, text: `step ${done} of 20` };
        if (done % 4) say(told);
        else say({ ...told, map: content.map }, [noisy(buffers[0], done)]);
        Object.assign(content, { done, total: 20 });
      }
      if (!cancelled) Object.assign(content, { done: 20 });
    }
    say(content, buffers);
  }
  /** Deletion, and then insertion, a tenth at a time. */
  async function curves({ id, pane, choice }) {
    cancelled = false;
    const points = 33;
    const shares = Float32Array.from({ length: points }, (_, i) => i / (points - 1));
    const falls = shares.map((share) => 0.93 * Math.exp(-7 * share) + 0.02 * Math.sin(40 * share) * (1 - share) + 0.03);
    const rises = shares.map((share) => 0.93 * (1 - Math.exp(-5 * share)) + 0.04);
    const about = { id, pane, choice, generation: 0, map_done: 1, total: 2 * points };
    for (let done = 3; ; done = Math.min(done + 3, 2 * points)) {
      await new Promise((resolve) => setTimeout(resolve, 40));
      const upTo = (curve, count) => new DataView(curve.map((score, i) => (i < count ? score : Number.NaN)).buffer);
      const buffers = [new DataView(shares.buffer), upTo(falls, done), upTo(rises, done - points)];
      if (cancelled || done === 2 * points) return say({ kind: "curves", ...about, done }, buffers);
      say({ kind: "progress", ...about, done, text: `${done} of ${2 * points}` }, buffers);
    }
  }
  /** From black to the image. */
  async function way({ id, pane, choice }) {
    const shares = Float32Array.from({ length: 25 }, (_, i) => i / 24);
    const scores = shares.map((share) => 3.4 / (1 + Math.exp(9 * (0.4 - share))) - 0.1);
    const pictures = [...shares].map(async (share) => {
      const canvas = draw(choice.image_index, 96);
      const context = canvas.getContext("2d");
      context.fillStyle = `rgb(0 0 0 / ${1 - share})`;
      context.fillRect(0, 0, 96, 96);
      return new DataView(await (await canvas.convertToBlob({ type: "image/png" })).arrayBuffer());
    });
    const buffers = [new DataView(shares.buffer), new DataView(scores.buffer), ...(await Promise.all(pictures))];
    say({ kind: "path", id, pane, choice, generation: 0 }, buffers);
  }
  /** All layers, one after the other in one buffer. */
  function allLayers({ id, pane, choice }) {
    const { layers } = setup.models[choice.model_index].all_layers;
    const all = layers.map((layer) => explain({ ...choice, layer }, ++serial, null, setup));
    const maps = all.map(([content]) => content.map);
    const bytes = new Uint8Array(all.reduce((sum, [, [map]]) => sum + map.byteLength, 0));
    let at = 0;
    for (const [, [map]] of all) {
      bytes.set(new Uint8Array(map.buffer), at);
      at += map.byteLength;
    }
    return [
      { kind: "all_layers", id, pane, serial, generation: 0, choice, layers, maps, milliseconds: 400 },
      [new DataView(bytes.buffer)],
    ];
  }
  const CHOICE = ["image_index", "layer", "class_index", "contrast_index", "method", "params", "model_index"];
  const pick = (from) => Object.fromEntries(CHOICE.map((key) => [key, from[key]]));
  return {
    log,
    traits,
    fail: (how) => {
      failing = how;
    },
    kill: () => {
      dead = true;
    },
    python: (changed) => {
      Object.assign(traits, changed);
      for (const name of Object.keys(changed)) emit(`change:${name}`);
      setTimeout(() => say(...explain(pick(traits), ++serial, null, setup)), 5);
    },
    get: (name) => traits[name],
    set: (name, value) => {
      traits[name] = value;
      emit(`change:${name}`);
    },
    save_changes: () => log.push({ kind: "save" }),
    send: (message) => {
      if (dead) throw new Error("Cannot send");
      log.push(message);
      setTimeout(() => answer(message), 15);
    },
    on: (name, callback) => listeners.set(name, [...(listeners.get(name) ?? []), callback]),
    off: (name, callback) =>
      listeners.set(
        name,
        (listeners.get(name) ?? []).filter((other) => other !== callback),
      ),
  };
}
