import { expect, test } from "vitest";
import type { SideRequest } from "../../src/messages.ts";
import { Images } from "../../src/state/images.ts";

const BYTES = new Uint8Array([1]);

function open() {
  const sent: SideRequest[] = [];
  const decode = async () => ({ width: 2, height: 2 }) as ImageBitmap;
  const images = new Images(
    5,
    2,
    (request) => sent.push(request),
    () => undefined,
    decode,
  );
  return { images, sent };
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
  const { images } = open();
  images.keep({ indices: [3], size: 0, sizes: [[8, 9]] }, [BYTES]);
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
  images.predicted({ ...content, model_index: 1 } as never);
  expect(images.predictions[1].at(0)).toEqual({ top: 2, score: 0.5, correct: true });
  expect(images.predictions[0].at(0)).toBeUndefined();
  expect(() => images.predicted({ ...content, model_index: 9 } as never)).not.toThrow();
});

test("the filter is that of all models", () => {
  const { images } = open();
  images.predictions[0].choose("wrong");
  expect(images.predictions[1].filter.value).toBe("wrong");
});

test("a failed request can be made again; failed predictions end the filter", async () => {
  const { images, sent } = open();
  images.cache.image(3);
  images.failed({ kind: "images", indices: [3], size: 0 });
  images.cache.image(3);
  expect(sent).toHaveLength(2);
  images.predictions[0].filter.value = "right";
  images.failed({ kind: "predictions", indices: [0], model_index: 0 });
  expect(images.predictions[0].filter.value).toBe("all");
});
