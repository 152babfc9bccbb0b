import { expect, test } from "vitest";
import { ImageCache, THUMBNAIL } from "../../src/picture/imageCache.ts";

const BYTES = new Uint8Array([1]);
const BROKEN = new Uint8Array([0]);

function open() {
  const asked: [number[], number][] = [];
  let loaded = 0;
  const cache = new ImageCache(
    (indices, size) => asked.push([indices, size]),
    () => {
      loaded += 1;
    },
    async (bytes) => {
      if (bytes === BROKEN) throw new Error("not an image");
      return { width: 6, height: 4 } as ImageBitmap;
    },
  );
  return { cache, asked, loaded: () => loaded };
}

test("an image is requested once, and has its own size when it is loaded", async () => {
  const { cache, asked, loaded } = open();
  expect(cache.image(3)).toBeNull();
  expect(cache.image(3)).toBeNull();
  expect(asked).toEqual([[[3], 0]]);
  await cache.keep([3], 0, [BYTES], [[40, 60]]);
  expect(cache.image(3)).toEqual({ bitmap: { width: 6, height: 4 }, size: { width: 60, height: 40 } });
  expect(loaded()).toBe(1);
});

test("without a size the bitmap's is taken", async () => {
  const { cache } = open();
  await cache.keep([3], 0, [BYTES], [undefined]);
  expect(cache.image(3)?.size).toEqual({ width: 6, height: 4 });
});

test("thumbnails that came into view are requested together, 24 at a time, and each once", async () => {
  const { cache, asked } = open();
  cache.want([0, 1]);
  cache.want([1, ...Array.from({ length: 25 }, (_, i) => 2 + i)]);
  await Promise.resolve();
  expect(asked.map(([indices, size]) => [indices.length, size])).toEqual([
    [24, THUMBNAIL],
    [3, THUMBNAIL],
  ]);
  await cache.keep([0], THUMBNAIL, [BYTES], [[4, 6]]);
  expect(cache.thumbnail(0).value?.width).toBe(6);
  expect(cache.thumbnail(1).value).toBeNull();
});

test("an image that failed is requested again, a thumbnail that failed is not", async () => {
  const { cache, asked } = open();
  cache.image(3);
  cache.failed([3], 0);
  cache.image(3);
  cache.want([1]);
  await Promise.resolve();
  cache.failed([1], THUMBNAIL);
  cache.want([1]);
  await Promise.resolve();
  expect(asked).toEqual([
    [[3], 0],
    [[3], 0],
    [[1], THUMBNAIL],
  ]);
});

test("bytes that cannot be decoded leave no image", async () => {
  const { cache } = open();
  await cache.keep([3, 4], 0, [BROKEN, BYTES], [undefined, undefined]);
  expect(cache.image(3)).toBeNull();
  expect(cache.image(4)).not.toBeNull();
});

test("24 images are kept: the one unused for longest goes", async () => {
  const { cache, asked } = open();
  for (let index = 0; index < 24; index++) await cache.keep([index], 0, [BYTES], [undefined]);
  cache.image(0);
  await cache.keep([24], 0, [BYTES], [undefined]);
  expect(asked).toEqual([]);
  expect(cache.image(0)).not.toBeNull();
  expect(cache.image(1)).toBeNull();
});
