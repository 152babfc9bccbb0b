import { expect, test } from "vitest";
import { lookupTable } from "../../src/picture/colormap.ts";
import { canvasSize, paint, type Shade, scale, shade, sizeOf } from "../../src/picture/overlay.ts";

const MAP = { height: 1, width: 2, low: 0, high: 4, finite: true };

test("scale maps low to 0 and high to 1, and clamps what lies outside", () => {
  expect(scale(Float32Array.from([-1, 0, 1, 4, 9]), 0, 4)).toEqual(Float32Array.from([0, 0, 0.25, 1, 1]));
});

test("shade clamps at the map's own resolution, then resizes", () => {
  // Clamped first, the peak of 40 counts as 4; resized first it would flood its neighbour.
  const shaded = shade(Float32Array.from([0, 40]), MAP, { width: 4, height: 1 });
  expect(shaded?.across).toEqual(Float32Array.from([0, 0.25, 0.75, 1]));
});

test("shade shows nothing of a constant map, of one that is not finite, or of one that is incomplete", () => {
  const values = Float32Array.from([1, 1]);
  const size = { width: 4, height: 4 };
  expect(shade(values, { ...MAP, low: 1, high: 1 }, size)).toBeNull();
  expect(shade(values, { ...MAP, finite: false }, size)).toBeNull();
  expect(shade(values, { ...MAP, low: Number.NaN }, size)).toBeNull();
  expect(shade(values.subarray(1), MAP, size)).toBeNull();
});

test("canvasSize is the image's whole multiple that fills the screen, within limits", () => {
  expect(canvasSize({ width: 96, height: 96 }, 400)).toEqual({ width: 480, height: 480 });
  expect(canvasSize({ width: 96, height: 48 }, 96)).toEqual({ width: 96, height: 48 });
  expect(canvasSize({ width: 96, height: 96 }, 0)).toEqual({ width: 96, height: 96 });
  expect(canvasSize({ width: 300, height: 300 }, 5000)).toEqual({ width: 900, height: 900 });
  expect(canvasSize({ width: 4096, height: 2048 }, 400)).toEqual({ width: 1024, height: 512 });
});

test("a part of an image has its share of the pixels", () => {
  expect(sizeOf([0, 0.25, 1, 0.75], { width: 600, height: 400 })).toEqual({ width: 300, height: 400 });
});

function painted(values: number[], threshold: number, signed: boolean): number[][] {
  const out = new Uint8ClampedArray(4 * values.length);
  const map = { ...MAP, width: values.length, low: 0, high: 1 };
  const shaded = shade(Float32Array.from(values), map, map) as Shade;
  paint(shaded, lookupTable("gray"), threshold, signed, out);
  return values.map((_, i) => [...out.subarray(4 * i, 4 * i + 4)]);
}

test("paint looks colours up and leaves out what lies under the threshold", () => {
  expect(painted([0, 0.49, 0.5, 1], 0.5, false)).toEqual([
    [0, 0, 0, 0],
    [0, 0, 0, 0],
    [128, 128, 128, 255],
    [255, 255, 255, 255],
  ]);
  expect(painted([0], 0, false)).toEqual([[0, 0, 0, 255]]);
});

test("paint measures a signed map from its middle", () => {
  const alphas = painted([0, 0.2, 0.5, 0.8, 1], 0.7, true).map(([, , , alpha]) => alpha);
  expect(alphas).toEqual([255, 0, 0, 0, 255]);
});
