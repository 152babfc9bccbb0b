import { expect, test } from "vitest";
import { decodeFloat16, decodeFloat32, half } from "../../src/picture/float16.ts";

test("half reads zeros, ones, fractions, the largest, the smallest, infinities and NaN", () => {
  expect(half(0x0000)).toBe(0);
  expect(half(0x8000)).toBe(-0);
  expect(half(0x3c00)).toBe(1);
  expect(half(0xc000)).toBe(-2);
  expect(half(0x3555)).toBeCloseTo(1 / 3, 3);
  expect(half(0x7bff)).toBe(65504);
  expect(half(0x0400)).toBe(2 ** -14);
  expect(half(0x0001)).toBe(2 ** -24);
  expect(half(0x7c00)).toBe(Number.POSITIVE_INFINITY);
  expect(half(0xfc00)).toBe(Number.NEGATIVE_INFINITY);
  expect(half(0x7e00)).toBeNaN();
});

test("decodeFloat16 reads little endian from any offset and any wrapping", () => {
  const bytes = Uint8Array.from([255, 0x00, 0x3c, 0x00, 0xc0, 255]);
  const expected = Float32Array.from([1, -2]);
  expect(decodeFloat16(new DataView(bytes.buffer, 1, 4))).toEqual(expected);
  expect(decodeFloat16(bytes.subarray(1, 5))).toEqual(expected);
  expect(decodeFloat16(bytes.slice(1, 5).buffer)).toEqual(expected);
});

test("decodeFloat32 reads little endian from an odd offset", () => {
  const bytes = new Uint8Array(9);
  new DataView(bytes.buffer).setFloat32(1, 0.25, true);
  new DataView(bytes.buffer).setFloat32(5, -3, true);
  expect(decodeFloat32(new DataView(bytes.buffer, 1))).toEqual(Float32Array.from([0.25, -3]));
});
