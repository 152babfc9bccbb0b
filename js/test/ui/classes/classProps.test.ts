import { expect, test } from "vitest";
import { type ClassProps, choose } from "../../../src/ui/classes/classProps.ts";

const NONE = { shiftKey: false, ctrlKey: false, metaKey: false };

function open(enabled = true, contrast = true) {
  const calls: [string, number][] = [];
  const on = (name: string) => (index: number) => calls.push([name, index]);
  const props = {
    enabled: { peek: () => enabled },
    onPick: on("pick"),
    onContrast: contrast ? on("contrast") : null,
    onPane: on("pane"),
  };
  return { calls, props: props as unknown as ClassProps };
}

test.each([
  ["pick", NONE],
  ["contrast", { ...NONE, shiftKey: true }],
  ["pane", { ...NONE, ctrlKey: true }],
  ["pane", { ...NONE, metaKey: true, shiftKey: true }],
])("a class is chosen to %s by its modifier", (name, modifiers) => {
  const { calls, props } = open();
  choose(4, modifiers, props);
  expect(calls).toEqual([[name, 4]]);
});

test("where contrasts are not available, Shift picks", () => {
  const { calls, props } = open(true, false);
  choose(4, { ...NONE, shiftKey: true }, props);
  expect(calls).toEqual([["pick", 4]]);
});

test("without a kernel nothing is chosen", () => {
  const { calls, props } = open(false);
  choose(4, NONE, props);
  expect(calls).toEqual([]);
});
