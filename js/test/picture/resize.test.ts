import { expect, test } from "vitest";
import { type Resized, resizeBilinear } from "../../src/picture/resize.ts";

/** All numbers, with the last step taken. */
function whole({ across, down: { first, second, share } }: Resized): number[] {
  const width = across.length / (Math.max(...second) + 1);
  return [...first].flatMap((_, y) =>
    Array.from({ length: width }, (_, x) => {
      const top = across[first[y] * width + x];
      return top + (across[second[y] * width + x] - top) * share[y];
    }),
  );
}

/** What keras.ops.image.resize(interpolation="bilinear") gave (Keras 3, TensorFlow backend). */
const KERAS: [string, number[][], number[][]][] = [
  [
    "a map made larger",
    [
      [1, 2, 4],
      [8, 16, 32],
    ],
    [
      [1, 1.4, 2, 3.2, 4],
      [4.5, 6.3, 9, 14.4, 18],
      [8, 11.2, 16, 25.6, 32],
    ],
  ],
  ["edges clamped, not stretched", [[0, 10]], [[0, 0, 1.25, 3.75, 6.25, 8.75, 10, 10]]],
  [
    "a map made smaller, without antialiasing",
    [0, 1, 2, 3, 4].map((y) => [0, 1, 2, 3, 4, 5, 6].map((x) => (7 * y + x) ** 2)),
    [
      [44.416668, 77.25, 121.416664],
      [557.75, 672.25, 798.083252],
    ],
  ],
  [
    "one value",
    [[3]],
    [
      [3, 3],
      [3, 3],
    ],
  ],
];

test.each(KERAS)("resizeBilinear agrees with Keras: %s", (_, input, expected) => {
  const values = Float32Array.from(input.flat());
  const out = whole(resizeBilinear(values, input.length, input[0].length, expected.length, expected[0].length));
  expected.flat().forEach((value, i) => {
    expect(out[i]).toBeCloseTo(value, 3);
  });
});

test("resizeBilinear to the same size changes nothing", () => {
  const values = Float32Array.from([3, 1, 4, 1, 5, 9]);
  expect(whole(resizeBilinear(values, 2, 3, 2, 3))).toEqual([...values]);
});
