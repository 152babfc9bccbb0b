import { expect, test } from "vitest";
import { depthOf } from "../../src/graph/depth.ts";

test("a layer that Depth leaves out stands where the last one before it does", () => {
  const order = ["input", "a", "x", "b", "c"];
  expect(depthOf("b", ["a", "b", "c"], order)).toBe(1);
  expect(depthOf("x", ["a", "b", "c"], order)).toBe(0);
  expect(depthOf("input", ["a", "b", "c"], order)).toBe(-1);
});
