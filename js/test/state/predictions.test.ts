import { signal } from "@preact/signals";
import { expect, test } from "vitest";
import { CHUNK, type Filter, Predictions } from "../../src/state/predictions.ts";
import messages from "../fixtures/messages.json";

function open(count = 1000) {
  const asked: number[][] = [];
  const predictions = new Predictions(count, signal<Filter>("all"), (indices) => asked.push(indices));
  const answer = (indices: number[], generation = 0) =>
    predictions.keep({
      kind: "predictions",
      id: "",
      model_index: 0,
      generation,
      indices,
      top: indices.map((index) => index % 5),
      score: indices.map(() => 0.5),
      correct: indices.map((index) => (index % 10 === 9 ? null : index % 2 === 0)),
    });
  return { predictions, asked, answer };
}

test("what came into view is requested together, and once", async () => {
  const { predictions, asked } = open();
  predictions.want([1, 2]);
  predictions.want([2, 3]);
  await Promise.resolve();
  predictions.want([1, 2, 3]);
  await Promise.resolve();
  expect(asked).toEqual([[1, 2, 3]]);
});

test("what Python wrote is kept", () => {
  const { predictions } = open();
  predictions.keep(messages.kernel.predictions.content as never);
  expect(predictions.at(0)).toEqual({ top: 1, score: 0.75, correct: true });
  expect(predictions.at(4)).toEqual({ top: 0, score: 0.5, correct: null });
  expect(predictions.at(1)).toBeUndefined();
  expect(predictions.known.value).toBe(2);
});

test("an image that cannot be read is known to have no prediction, and not asked about again", async () => {
  const { predictions, asked } = open();
  predictions.want([1, 2]);
  await Promise.resolve();
  const content = { kind: "predictions", id: "", model_index: 0, generation: 0, indices: [1, 2] } as const;
  predictions.keep({ ...content, indices: [1, 2], top: [-1, 3], score: [0, 1], correct: [null, true] });
  predictions.want([1, 2]);
  await Promise.resolve();
  expect([predictions.at(1), predictions.at(2)?.top]).toEqual([undefined, 3]);
  expect(asked).toHaveLength(1);
});

test("for a filter the rest is requested chunk by chunk, and stops with the filter", async () => {
  const { predictions, asked, answer } = open();
  predictions.choose("wrong");
  await Promise.resolve();
  expect(asked.map(({ length }) => length)).toEqual([CHUNK]);
  answer(asked[0]);
  await Promise.resolve();
  expect(asked.map(({ length }) => length)).toEqual([CHUNK, CHUNK]);
  predictions.choose("all");
  answer(asked[1]);
  await Promise.resolve();
  expect(asked).toHaveLength(2);
  expect(predictions.known.value).toBe(2 * CHUNK);
});

test("right and wrong part the images; those without a right answer are neither", async () => {
  const { predictions, asked, answer } = open(20);
  expect(predictions.passing()).toBeNull();
  predictions.choose("right");
  await Promise.resolve();
  answer(asked[0]);
  expect(predictions.passing()).toEqual([0, 2, 4, 6, 8, 10, 12, 14, 16, 18]);
  predictions.choose("wrong");
  expect(predictions.passing()).toEqual([1, 3, 5, 7, 11, 13, 15, 17]);
});

test("a failure ends the filter, and what was asked may be asked again", async () => {
  const { predictions, asked } = open(10);
  predictions.choose("right");
  await Promise.resolve();
  predictions.failed(asked[0]);
  expect(predictions.filter.value).toBe("all");
  predictions.want([3]);
  await Promise.resolve();
  expect(asked[1]).toEqual([3]);
});

test("a model that was trained is asked again, and what it said before is forgotten, also if it comes late", async () => {
  const { predictions, asked, answer } = open(20);
  predictions.want([1, 2]);
  await Promise.resolve();
  answer([1, 2]);
  predictions.want([3]);
  await Promise.resolve();
  predictions.renew(1);
  expect(predictions.at(1)).toBeUndefined();
  answer([3]);
  await Promise.resolve();
  expect(asked).toEqual([[1, 2], [3], [3]]);
  answer([3], 1);
  expect(predictions.at(3)?.top).toBe(3);
  expect(predictions.known.value).toBe(1);
});
