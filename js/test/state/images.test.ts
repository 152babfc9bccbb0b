import { expect, test } from "vitest";
import type { FeatureListener } from "../../src/kernel/feature.ts";
import type { Fields, Problem } from "../../src/messages.ts";
import { Images } from "../../src/state/images.ts";

const BYTES = new Uint8Array([1]);
const PROBLEM: Problem = { message: "no", hint: null };

function open() {
  const sent: object[] = [];
  const lost: unknown[] = [];
  const problems: Problem[] = [];
  const listeners: Record<string, FeatureListener<never>> = {};
  const serve = <F extends Fields>(kind: string, listener: FeatureListener<F>) => {
    listeners[kind] = listener;
    return (fields: F) => void sent.push({ kind, ...fields });
  };
  const images = new Images(5, 2, {
    features: { serve },
    loaded: () => undefined,
    lost: (...failed) => lost.push(failed),
    problem: (problem) => problems.push(problem),
    decode: async () => ({ width: 2, height: 2 }) as ImageBitmap,
  });
  const answer = (content: object & { kind: string }, buffers: Uint8Array[] = []) =>
    listeners[content.kind].answered({ id: "x", ...content }, buffers);
  const fail = ({ kind, ...fields }: object & { kind: string }) => listeners[kind].failed(PROBLEM, fields as never);
  return { images, sent, answer, fail, lost, problems };
}

test("images and the predictions of each model are requested by kind", async () => {
  const { images, sent } = open();
  images.cache.image(3);
  images.predictions[1].want([0, 2]);
  await Promise.resolve();
  expect(sent).toEqual([
    { kind: "images", indices: [3], size: 0 },
    { kind: "predictions", indices: [0, 2], model_index: 1 },
  ]);
});

test("answers reach the cache, and the predictions of their model", async () => {
  const { images, answer } = open();
  answer({ kind: "images", indices: [3], size: 0, sizes: [[8, 9]] } as never, [BYTES]);
  await new Promise((resolve) => setTimeout(resolve));
  expect(images.cache.image(3)?.size).toEqual({ width: 9, height: 8 });
  const content = {
    kind: "predictions",
    id: "x",
    generation: 0,
    indices: [0],
    top: [2],
    score: [0.5],
    correct: [true],
  };
  answer({ ...content, model_index: 1 } as never);
  expect(images.predictions[1].at(0)).toEqual({ top: 2, score: 0.5, correct: true });
  expect(images.predictions[0].at(0)).toBeUndefined();
  expect(() => answer({ ...content, model_index: 9 } as never)).not.toThrow();
});

test("the filter is that of all models", () => {
  const { images } = open();
  images.predictions[0].choose("wrong");
  expect(images.predictions[1].filter.value).toBe("wrong");
});

test("a failed request can be made again; failed predictions end the filter", async () => {
  const { images, sent, fail, lost, problems } = open();
  images.cache.image(3);
  fail({ kind: "images", indices: [3], size: 0 } as never);
  expect(lost).toEqual([[[3], PROBLEM]]);
  fail({ kind: "images", indices: [4], size: 112 } as never);
  expect(lost, "a thumbnail is no one's picture").toHaveLength(1);
  images.cache.image(3);
  expect(sent).toHaveLength(2);
  expect(problems).toEqual([]);
  images.predictions[0].filter.value = "right";
  fail({ kind: "predictions", indices: [0], model_index: 0 } as never);
  expect(images.predictions[0].filter.value).toBe("all");
  expect(problems).toEqual([PROBLEM]);
});
