import { expect, test } from "vitest";
import { CHOICE_KEYS, DISPLAY_KEYS } from "../src/messages.ts";
import messages from "./fixtures/messages.json";
import { SETUP } from "./model.ts";

test("a choice has the fields that Python writes and reads", () => {
  const keys = [...CHOICE_KEYS].sort();
  expect(Object.keys(messages.kernel.result.content.choice).sort()).toEqual(keys);
  expect(Object.keys(messages.page.explain.choice).sort()).toEqual(keys);
});

test("no trait is both a choice and a display setting", () => {
  expect(DISPLAY_KEYS.filter((key) => (CHOICE_KEYS as readonly string[]).includes(key))).toEqual([]);
  expect(SETUP.version).toBe(1);
});
