import { expect, test } from "vitest";
import type { Store } from "../../src/state/store.ts";
import { isTyping, onShortcut, SHORTCUTS } from "../../src/ui/shortcuts.ts";
import { CHOICE, openStore, resultFor, SETUP } from "../model.ts";

function open(setup = SETUP) {
  const { model, store } = openStore({ _setup: setup });
  model.say(...resultFor(CHOICE, 1));
  return { model, store };
}

function press(store: Store, key: string, target: object = { tagName: "DIV" }, modifiers: object = {}, active = false) {
  const view = { help: { value: false }, typeAhead: { active } };
  const event = {
    key,
    ...modifiers,
    prevented: false,
    getModifierState: () => false,
    composedPath: () => [target],
    preventDefault() {
      event.prevented = true;
    },
    stopPropagation() {},
  };
  for (const early of [true, false]) onShortcut(event as unknown as KeyboardEvent, store, view, early);
  return { used: event.prevented, help: view.help.value };
}

test("brackets go through the layers that can be explained, and no further", () => {
  const { store } = open();
  press(store, "]");
  expect(store.choice.value.layer).toBe("b");
  press(store, "[");
  press(store, "[");
  expect(store.choice.value.layer).toBe("a");
});

test("m leaves out methods that explain none of the models", () => {
  const [gradcam, gradients] = SETUP.methods;
  const cam = { ...gradcam, name: "cam", title: "CAM", reason: "CAM reads a layer." };
  const { store } = open({ ...SETUP, methods: [cam, gradients, { ...cam, name: "other" }, gradcam] });
  press(store, "m");
  expect(store.choice.value.method).toBe("gradients");
  press(store, "m");
  expect(store.choice.value.method).toBe("gradcam");
});

test("a model without layers to explain opens, and brackets stay", () => {
  const [only] = SETUP.models;
  const nodes = only.nodes.map((node) => ({ ...node, spatial: false }));
  const all_layers = { offered: false, reason: "It has none.", layers: [] };
  const [gradcam, gradients] = SETUP.methods;
  const methods = [{ ...gradcam, reason: "Grad-CAM reads a layer." }, gradients];
  const { store } = open({ ...SETUP, methods, models: [{ ...only, nodes, all_layers, default_layer: "" }] });
  store.pick({ method: "gradients", layer: "" });
  press(store, "]");
  expect(store.choice.value.layer).toBe("");
  expect(store.catalog.depth(store.choice.value)).toEqual([]);
  expect(store.catalog.whyNotAllLayers(store.choice.value)).toBe("It has none.");
});

test("comma and full stop go through the images, of a filter through those that pass", () => {
  const { store } = open();
  press(store, ".");
  press(store, ".");
  press(store, ",");
  expect(store.choice.value.image_index).toBe(1);
  const correct = [false, true, false, true, false];
  const content = { top: [0, 0, 0, 0, 0], score: [1, 1, 1, 1, 1], correct, indices: [0, 1, 2, 3, 4] };
  store.predictions.value.keep({ kind: "predictions", id: "", model_index: 0, generation: 0, ...content });
  store.predictions.value.filter.value = "wrong";
  press(store, ".");
  expect(store.choice.value.image_index).toBe(2);
  press(store, ".");
  press(store, ".");
  expect(store.choice.value.image_index).toBe(4);
});

test("m, o, v, c, x and numbers do what the list says", () => {
  const { store } = open();
  press(store, "m");
  expect(store.choice.value.method).toBe("gradients");
  press(store, "o");
  expect(store.display.opacity.value).toBe(0);
  press(store, "o");
  expect(store.display.opacity.value).toBe(0.6);
  press(store, "v");
  expect(store.display.view.value).toBe("map");
  press(store, "c");
  expect(store.panes.value).toHaveLength(2);
  press(store, "1");
  expect(store.active.value).toBe(store.main);
  press(store, "2");
  press(store, "x");
  expect(store.panes.value).toHaveLength(1);
});

test("the question mark opens the list", () => {
  expect(press(open().store, "?")).toEqual({ used: true, help: true });
});

test("no shortcut where one types, with a modifier, or in a select that letters choose in", () => {
  const { store } = open();
  expect(isTyping({ tagName: "INPUT", type: "search" }, "m")).toBe(true);
  expect(isTyping({ tagName: "INPUT", type: "range" }, "m")).toBe(false);
  expect(isTyping({ tagName: "SELECT" }, "m")).toBe(true);
  expect(isTyping({ tagName: "SELECT" }, "]")).toBe(false);
  expect(press(store, "?", { tagName: "INPUT", type: "search" }).help).toBe(false);
  expect(press(store, "m", undefined, { ctrlKey: true }).used).toBe(false);
  expect(press(store, "q").used).toBe(false);
});

test("no key has two meanings", () => {
  const keys = SHORTCUTS.flatMap((shortcut) => shortcut.keys);
  expect(new Set(keys).size).toBe(keys.length);
});

test("a sign that belongs to a name being typed is no shortcut, nor is one on its way through an input method", () => {
  const { store } = open();
  expect(press(store, "]", undefined, {}, true).used).toBe(false);
  expect(press(store, "?", undefined, {}, true).help).toBe(false);
  expect(store.choice.value.layer).toBe("a");
  expect(press(store, "m", undefined, { isComposing: true }).used).toBe(false);
  expect(press(store, "m", undefined, {}, true).used).toBe(true);
});
