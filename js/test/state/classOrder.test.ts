import { expect, test } from "vitest";
import { firstRows, rank, search } from "../../src/state/classOrder.ts";

const LABELS = ["tabby cat", "tiger cat", "<b>dog</b>", "bird"];

test("rank puts the highest score first, equals in their order, NaN last", () => {
  expect(rank(4, Float32Array.from([0.1, 0.7, 0.1, Number.NaN]))).toEqual([1, 0, 2, 3]);
  expect(rank(3, null)).toEqual([0, 1, 2]);
});

test("search keeps the order of the ranking and wants every word, or the class's number", () => {
  expect(search([3, 1, 0, 2], LABELS, "CAT")).toEqual([1, 0]);
  expect(search([3, 1, 0, 2], LABELS, "cat tab")).toEqual([0]);
  expect(search([3, 1, 0, 2], LABELS, "3")).toEqual([3]);
  expect(search([3, 1, 0, 2], LABELS, " ")).toEqual([3, 1, 0, 2]);
});

test("firstRows renders the first ones, the chosen one if it fits, and counts the rest", () => {
  expect(firstRows([5, 4, 3, 2], 4, 2)).toEqual({ rows: [5, 4], more: 2 });
  expect(firstRows([5, 4, 3, 2], 2, 2)).toEqual({ rows: [5, 4, 2], more: 1 });
  expect(firstRows([5, 4], 9, 2)).toEqual({ rows: [5, 4], more: 0 });
  expect(firstRows([5, 4], -1, 2)).toEqual({ rows: [5, 4], more: 0 });
});
