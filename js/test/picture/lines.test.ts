import { expect, test } from "vitest";
import { path, ticks } from "../../src/picture/lines.ts";

test("the axis spans 0, 1 and all scores, in round steps", () => {
  expect(ticks()).toEqual([0, 0.25, 0.5, 0.75, 1]);
  expect(ticks(Float32Array.from([0.2, Number.NaN]))).toEqual([0, 0.25, 0.5, 0.75, 1]);
  expect(ticks(Float32Array.from([-3, 8]))).toEqual([-5, 0, 5, 10]);
  expect(ticks(Float32Array.from([7.9]))).toEqual([0, 2, 4, 6, 8]);
});

test("a path goes through the scores that are known", () => {
  const shares = Float32Array.from([0, 0.5, 1]);
  expect(path(shares, Float32Array.from([1, Number.NaN, -1]), -1, 1)).toBe("M0.00 0.00L100.00 100.00");
  expect(path(shares, Float32Array.from([Number.NaN, Number.NaN, Number.NaN]), 0, 1)).toBe("");
});
