import { expect, test } from "vitest";
import type { Picture } from "../../src/picture/picture.ts";
import type { Catalog } from "../../src/state/catalog.ts";
import { commonRange, ranged } from "../../src/state/colorRange.ts";

const UNITS: Record<string, string> = { gradcam: "logit", cam: "logit", gradients: "logit per unit of input" };
const catalog = {
  unit: ({ method }: { method: string }) => UNITS[method] ?? "",
  signed: ({ contrast_index }: { contrast_index: number | null }) => contrast_index !== null,
} as unknown as Catalog;

function picture(method: string, low: number, high: number, contrast_index: number | null = null): Picture {
  return {
    index: 0,
    bitmap: {},
    result: { choice: { method, contrast_index }, map: { low, high, height: 2 } },
  } as unknown as Picture;
}

test("pictures of one unit have a range in common, which holds both", () => {
  expect(commonRange([picture("gradcam", 0, 2), picture("cam", 0, 0.5)], catalog)).toEqual({ low: 0, high: 2 });
  expect(commonRange([picture("cam", -3, 3, 1), picture("cam", -4, 4, 2), null], catalog)).toEqual({
    low: -4,
    high: 4,
  });
});

test("there is none of other units, of none, of maps with one sign and with both, or of one picture", () => {
  expect(commonRange([picture("gradcam", 0, 2), picture("gradients", 0, 2)], catalog)).toBe(null);
  expect(commonRange([picture("gradcampp", 0, 2), picture("gradcampp", 0, 1)], catalog)).toBe(null);
  expect(commonRange([picture("gradcam", 0, 2), picture("gradcam", -2, 2, 1)], catalog)).toBe(null);
  expect(commonRange([picture("gradcam", 0, 2), null], catalog)).toBe(null);
});

test("a picture in a range keeps all else, and without one is itself", () => {
  const own = picture("gradcam", 0, 2);
  expect(ranged(own, { low: 0, high: 5 })?.result?.map).toEqual({ low: 0, high: 5, height: 2 });
  expect(own.result?.map.high).toBe(2);
  expect(ranged(own, null)).toBe(own);
  expect(ranged(null, { low: 0, high: 5 })).toBe(null);
});
