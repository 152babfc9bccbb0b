import { expect, test } from "vitest";
import type { Setup } from "../../src/messages.ts";
import { Catalog } from "../../src/state/catalog.ts";
import { CHOICE, node, SETUP } from "../model.ts";

const [TINY] = SETUP.models;
const OTHER = {
  ...TINY,
  name: "other",
  nodes: [node("x")],
  default_layer: "x",
  all_layers: { ...TINY.all_layers, layers: [] },
};
const two: Setup = { ...SETUP, models: [TINY, OTHER] };

test("models and methods are found by a choice, and an unknown model is the first", () => {
  const catalog = new Catalog(two);
  expect(catalog.modelOf({ ...CHOICE, model_index: 1 }).name).toBe("other");
  expect(catalog.modelOf({ ...CHOICE, model_index: 7 }).name).toBe("tiny");
  expect(catalog.methodOf(CHOICE)?.title).toBe("Grad-CAM");
  expect(catalog.methodOf({ ...CHOICE, method: "lime" })).toBeUndefined();
});

test("a map is signed by its method, or as a contrast", () => {
  const catalog = new Catalog(SETUP);
  expect(catalog.signed(CHOICE)).toBe(false);
  expect(catalog.signed({ ...CHOICE, method: "gradients" })).toBe(true);
  expect(catalog.signed({ ...CHOICE, contrast_index: 1 })).toBe(true);
});

test("images of a file keep the numbers that they have in Python", () => {
  const file = new Catalog({ ...SETUP, images: 2, image_indices: [7, 3] });
  expect([file.imageNumber(1), file.imageAt(7), file.imageAt(1)]).toEqual([3, 0, -1]);
  const all = new Catalog(SETUP);
  expect([all.imageNumber(1), all.imageAt(4), all.imageAt(5), all.imageAt(-1)]).toEqual([1, 4, -1, -1]);
});

test("a result is fresh until its model's weights have changed", () => {
  const catalog = new Catalog(two);
  const result = { choice: CHOICE, generation: 1 };
  catalog.setGeneration(0, 1);
  expect(catalog.fresh(result)).toBe(true);
  catalog.setGeneration(0, 2);
  catalog.setGeneration(0, 1);
  expect(catalog.fresh(result)).toBe(false);
  expect(catalog.fresh({ choice: { ...CHOICE, model_index: 1 }, generation: 0 })).toBe(true);
});

test("classes are named by their labels, or by their index", () => {
  const catalog = new Catalog(SETUP);
  expect(catalog.classes({ ...CHOICE, class_index: 2 })).toBe("bird");
  expect(catalog.classes({ ...CHOICE, contrast_index: 9 })).toBe("cat rather than class 9");
});

test("classes are ordered by score; a file lists those that it has maps of", () => {
  const scores = Float32Array.of(0.1, 0.2, 0.7);
  expect(new Catalog(SETUP).classOrder(scores)).toEqual([2, 1, 0]);
  expect(new Catalog({ ...SETUP, file: { classes: [0, 2] } }).classOrder(scores)).toEqual([2, 0]);
  expect(new Catalog(SETUP).classOrder(null)).toEqual([0, 1, 2]);
});

test("a layer that the model lacks becomes its default layer", () => {
  const catalog = new Catalog(two);
  expect(catalog.fit({ ...CHOICE, model_index: 1 }).layer).toBe("x");
  expect(catalog.fit(CHOICE)).toBe(CHOICE);
});

test("Depth moves through the layers that the kernel names, else through all spatial ones", () => {
  const catalog = new Catalog(two);
  expect(catalog.depth(CHOICE)).toEqual(["a", "b", "c"]);
  expect(catalog.depth({ ...CHOICE, model_index: 1 })).toEqual(["x"]);
});

test("a method that explains each layer by itself says so", () => {
  const catalog = new Catalog({ ...SETUP, all_layers_methods: [] });
  expect(catalog.whyNotAllLayers(CHOICE)).toMatch(/^Grad-CAM computes each layer when/);
  expect(new Catalog(SETUP).whyNotAllLayers(CHOICE)).toBeNull();
});
