import { expect, test } from "vitest";
import { barLengths, sameScores } from "../../src/state/scores.ts";

test("barLengths are the probabilities themselves, of logits their places between the lowest and the highest", () => {
  expect([...barLengths(Float32Array.from([0.25, 1, Number.NaN]), "probability")]).toEqual([0.25, 1, 0]);
  expect([...barLengths(Float32Array.from([-2, 2, 6, Number.NaN]), "logit")]).toEqual([0, 0.5, 1, 0]);
  expect([...barLengths(Float32Array.from([2, 2]), "logit")]).toEqual([0, 0]);
  expect([...barLengths(Float32Array.from([0.25, 0.5]), "share")]).toEqual([0.25, 0.5]);
  expect([...barLengths(Float32Array.from([20, 40]), "value")]).toEqual([0, 1]);
});

test("sameScores takes scores that differ by rounding for the same, NaN too", () => {
  const scores = Float32Array.from([0.1, -12, Number.NaN, 0]);
  expect(sameScores(scores, Float32Array.from([0.1 + 2e-8, -12, Number.NaN, 0]))).toBe(true);
  expect(sameScores(scores, Float32Array.from([0.1001, -12, Number.NaN, 0]))).toBe(false);
  expect(sameScores(scores, Float32Array.from([0.1, -12, 3, 0]))).toBe(false);
  expect(sameScores(scores, scores.subarray(1))).toBe(false);
});
