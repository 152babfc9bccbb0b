import { expect, test } from "vitest";
import { choiceKey, pickChoice } from "../../src/kernel/choice.ts";
import { CHOICE, SETUP } from "../model.ts";

test("two choices with the same map have the same key", () => {
  const same = (a: object, b: object) =>
    choiceKey({ ...CHOICE, ...a }, SETUP.methods) === choiceKey({ ...CHOICE, ...b }, SETUP.methods);
  expect(same({}, { params: { power: 1 } })).toBe(true);
  expect(same({}, { params: { power: 2 } })).toBe(false);
  expect(same({ layer: "a" }, { layer: "b" })).toBe(false);
  expect(same({ method: "gradients", layer: "a" }, { method: "gradients", layer: "b" })).toBe(true);
  expect(same({ params: { power: 2, other: 1 } }, { params: { other: 2, power: 2 } })).toBe(true);
});

test("without its layer the key is that of all layers", () => {
  const key = (layer: string) => choiceKey({ ...CHOICE, layer }, SETUP.methods, true);
  expect(key("a")).toBe(key("b"));
  expect(key("a")).not.toBe(choiceKey(CHOICE, SETUP.methods));
});

test("pickChoice drops other traits, and fills in what an older kernel lacks", () => {
  const { contrast_index: _, model_index: __, ...older } = CHOICE;
  expect(pickChoice({ ...older, opacity: 1 } as never)).toEqual(CHOICE);
});
