import { expect, test } from "vitest";
import { step } from "../../../src/ui/controls/listKeys.ts";

test("step moves by one, by a page, to the ends, and not beyond them", () => {
  expect(step("ArrowDown", 2, 5)).toBe(3);
  expect(step("ArrowRight", 4, 5)).toBe(4);
  expect(step("ArrowUp", 0, 5)).toBe(0);
  expect(step("PageDown", 2, 50)).toBe(12);
  expect(step("Home", 3, 5)).toBe(0);
  expect(step("End", 0, 5)).toBe(4);
});

test("step leads nowhere with another key or in an empty list", () => {
  expect(step("a", 2, 5)).toBe(-1);
  expect(step("ArrowDown", 0, 0)).toBe(-1);
});
