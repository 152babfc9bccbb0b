import { expect, test } from "vitest";
import { gutterWidth, hueOf, laneX, pitchOf, strokes } from "../../src/graph/gutter.ts";

test("lanes are ten pixels apart, and nearer when there are many", () => {
  expect([1, 2, 6].map(pitchOf)).toEqual([10, 10, 10]);
  expect(pitchOf(13)).toBeLessThan(5);
  expect(pitchOf(100)).toBe(4);
  expect(gutterWidth(1)).toBe(18);
  expect(gutterWidth(3)).toBe(38);
});

test("a row's pieces are one path for each colour, the lit ones on top", () => {
  const pieces = [
    { kind: "in", lane: 0, edge: 0 },
    { kind: "out", lane: 0, edge: 1 },
    { kind: "out", lane: 1, edge: 2 },
    { kind: "through", lane: 2, edge: 3 },
  ] as const;
  const [x0, x1, x2] = [0, 1, 2].map((lane) => laneX(lane, 10));
  expect(strokes(pieces, 0, [false, true, true, false], 10)).toEqual([
    { hue: 2, lit: false, d: `M${x2} 0V24` },
    { hue: 0, lit: false, d: `M${x0} 0V12` },
    { hue: 0, lit: true, d: `M${x0} 24V12M${x1} 24Q${x1} 12 ${x0} 12` },
  ]);
});

test("neighbouring lanes differ in colour, and the main line has its own", () => {
  const hues = Array.from({ length: 14 }, (_, lane) => hueOf(lane));
  expect(hues.filter((hue) => hue === 0)).toHaveLength(1);
  hues.slice(1).forEach((hue, at) => {
    expect(hue).not.toBe(hues[at]);
  });
});
