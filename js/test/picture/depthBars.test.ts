import { expect, test } from "vitest";
import { bars, concentration } from "../../src/picture/depthBars.ts";

test("concentration is the share of the positive mass in the strongest tenth", () => {
  const even = new Float32Array(20).fill(2);
  expect(concentration(even)).toBeCloseTo(0.1);
  const peaked = Float32Array.from({ length: 20 }, (_, i) => (i === 7 ? 3 : 0));
  expect(concentration(peaked)).toBe(1);
  const signed = Float32Array.from([-9, 4, 1, 1, 1, 1, 1, 1, 0, 0]);
  expect(concentration(signed)).toBeCloseTo(0.4);
  expect(concentration(new Float32Array(9))).toBe(0);
  expect(concentration(Float32Array.of(Number.NaN, -1))).toBe(0);
});

test("bars stand side by side, one unit each", () => {
  expect(bars(Float32Array.of(0.5, 1), 0)).toBe("M0 1v-0.5h1v0.5zM1 1v-1h1v1z");
});
