import { expect, test } from "vitest";
import type { Method } from "../../src/messages.ts";
import { families } from "../../src/text/methodSearch.ts";

const method = (name: string, title: string, family: string, answers = ""): Method => ({
  ...{ name, title, family, answers },
  ...{ uses_layer: true, signed: false, params: [] },
});
const METHODS = [
  method("gradcam", "Grad-CAM", "Class activation maps", "Where do the channels respond?"),
  method("layercam", "LayerCAM", "Class activation maps", "Which cells raise the score?"),
  method("gradients", "Input gradients", "Gradients", "Which pixels would move the score?"),
];
const names = (query: string) =>
  families(METHODS, query).map(({ title, methods }) => [title, ...methods.map(({ name }) => name)]);

test("methods stand family by family, in their order", () => {
  expect(names("")).toEqual([
    ["Class activation maps", "gradcam", "layercam"],
    ["Gradients", "gradients"],
  ]);
});

test("they are found by title, name, family and question, each word anywhere", () => {
  expect(names("GRAD")).toEqual([
    ["Class activation maps", "gradcam"],
    ["Gradients", "gradients"],
  ]);
  expect(names("activation cells")).toEqual([["Class activation maps", "layercam"]]);
  expect(names("pixels move")).toEqual([["Gradients", "gradients"]]);
  expect(names("rise (")).toEqual([]);
});

test("what an older file says of a method is enough", () => {
  const { name, title, uses_layer, signed, params } = METHODS[0];
  expect(families([{ name, title, uses_layer, signed, params }], "cam")).toHaveLength(1);
});
