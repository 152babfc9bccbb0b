import { expect, test } from "vitest";
import type { Choice } from "../../src/messages.ts";
import { Archive, type Contents } from "../../src/offline/archive.ts";
import { CHOICE, SETUP } from "../model.ts";

const base64 = (bytes: ArrayBuffer) => btoa(String.fromCharCode(...new Uint8Array(bytes)));
const MAP = { height: 1, width: 2, low: 0, high: 2, min: 0, max: 2, scale: 2, finite: true };
const halves = (...bits: number[]) => base64(Uint16Array.from(bits).buffer);
const stored = (values: string) => ({ map: MAP, values, empty_reason: null, milliseconds: 3 });

/** One image, the classes 0 and 2, layers a and c. */
function contents(): Contents {
  const models = SETUP.models.map((model) => ({ ...model, all_layers: { ...model.all_layers, layers: ["a", "c"] } }));
  return {
    setup: { ...SETUP, models, images: 1, file: { classes: [0, 2] } },
    traits: {
      ...CHOICE,
      params: { power: 2 },
      opacity: 0.6,
      colormap: "inferno",
      threshold: 0,
      view: "overlay",
      panes: [],
    },
    images: [{ data: btoa("png"), size: [3, 4] }],
    scores: [[{ kind: "probability", values: base64(Float32Array.from([0.5, 0.25, 0.25]).buffer) }]],
    predictions: [[{ top: 0, score: null, correct: true }]],
    maps: {
      "0 0 0 gradcam a": stored(halves(0x3c00, 0)),
      "0 0 0 gradcam c": stored(halves(0, 0x3c00)),
      "0 0 2 gradcam a": { ...stored(halves(0, 0)), map: { ...MAP, high: 0, max: 0 } },
      "0 0 2 gradcam c": { error: "`layer` does not fit." },
      "0 0 0 gradients ": stored(halves(0x3c00, 0x3c00)),
    },
  };
}

/** Ask, and give what is answered. */
async function ask(message: object) {
  const archive = new Archive(contents());
  // biome-ignore lint/suspicious/noExplicitAny: the answers differ
  const answers: [any, Uint8Array[]][] = [];
  archive.on("msg:custom", (...answer) => answers.push(answer as (typeof answers)[0]));
  archive.send(message);
  expect(answers, "like a kernel, it answers later").toEqual([]);
  await Promise.resolve();
  return answers;
}

const explain = (changed: Partial<Choice> = {}) => ({
  kind: "explain",
  id: "x",
  pane: 1,
  choice: { ...CHOICE, params: { power: 2 }, ...changed },
});

test("a map is answered with what was computed before, and the scores of its image", async () => {
  const [[content, [map, scores]]] = await ask(explain());
  expect(content).toMatchObject({
    kind: "result",
    id: "x",
    pane: 1,
    map: MAP,
    scores_kind: "probability",
    empty_reason: null,
  });
  expect(content.choice.layer).toBe("a");
  expect([...map]).toEqual([0, 0x3c, 0, 0]);
  expect([...new Float32Array(scores.buffer)]).toEqual([0.5, 0.25, 0.25]);
});

test("a view that opens gets the exported result", async () => {
  const [[content]] = await ask({ kind: "hello" });
  expect(content).toMatchObject({ kind: "result", id: null, pane: 0 });
});

test("a method that explains the input has one map for all layers", async () => {
  const [[content]] = await ask(explain({ method: "gradients", layer: "c", params: {} }));
  expect(content.kind).toBe("result");
});

test("a map that shows nothing says so", async () => {
  const [[content]] = await ask(explain({ class_index: 2 }));
  expect(content.empty_reason).toContain("the same everywhere");
});

test("all layers are those of the file", async () => {
  const [[content, [maps]]] = await ask({ ...explain(), kind: "all_layers" });
  expect(content).toMatchObject({ kind: "all_layers", id: "x", pane: 1, layers: ["a", "c"], maps: [MAP, MAP] });
  expect([...maps]).toEqual([0, 0x3c, 0, 0, 0, 0, 0, 0x3c]);
});

test("images and predictions are answered", async () => {
  const [[images, [png]]] = await ask({ kind: "images", id: "i", indices: [0], size: 112 });
  expect(images).toEqual({ kind: "images", id: "i", indices: [0], size: 112, sizes: [[3, 4]] });
  expect(String.fromCharCode(...png)).toBe("png");
  const [[predictions]] = await ask({ kind: "predictions", id: "p", model_index: 0, indices: [0] });
  expect(predictions).toMatchObject({ top: [0], correct: [true], score: [Number.NaN] });
});

test.each([
  ["a class", { class_index: 1 }, "gradcam of dog at a, image 0"],
  ["a layer", { layer: "b" }, "gradcam of cat at b"],
  ["an image", { image_index: 3 }, "image 3"],
  ["a method", { method: "smooth" }, "smooth of cat"],
  ["a contrast", { contrast_index: 2 }, "cat rather than bird"],
  ["a parameter", { params: { power: 3 } }, "gradcam of cat at a"],
])("%s that is not in the file is an error that names it", async (_, changed, named) => {
  const [[content]] = await ask(explain(changed));
  expect(content).toMatchObject({ kind: "error", id: "x" });
  expect(content.message).toContain("Not in this file: ");
  expect(content.message).toContain(named);
});

test("what the method could not do there is said as it was said then", async () => {
  const [[content]] = await ask(explain({ class_index: 2, layer: "c" }));
  expect(content.message).toBe("`layer` does not fit.");
});

test("nothing runs that could be cancelled", async () => {
  expect(await ask({ kind: "cancel", id: "x" })).toEqual([]);
});

test("traits are kept, and reported to listeners", () => {
  const archive = new Archive(contents());
  const heard: unknown[] = [];
  const callback = () => heard.push(archive.get("opacity"));
  archive.on("change:opacity", callback);
  archive.set("opacity", 0.1);
  archive.off("change:opacity", callback);
  archive.set("opacity", 0.2);
  archive.save_changes();
  expect(heard).toEqual([0.1]);
});
