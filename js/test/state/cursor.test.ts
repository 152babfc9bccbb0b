import { expect, test } from "vitest";
import { caption, differing, fileName } from "../../src/state/captions.ts";
import { Facts } from "../../src/state/catalog.ts";
import { cellAt, into, moved, outOf, readAt } from "../../src/state/cursor.ts";
import { CHOICE, SETUP } from "../model.ts";

const MAP = { width: 4, height: 2 };
const VALUES = Float32Array.from([0, 1, 2, 3, 4, 9, 6, 7]);

test("a place lies in one cell, also at the very edge", () => {
  expect(cellAt({ x: 0.3, y: 0.6 }, MAP)).toEqual({ column: 1, row: 1 });
  expect(cellAt({ x: 1, y: 1 }, MAP)).toEqual({ column: 3, row: 1 });
  expect(readAt({ x: 0.3, y: 0.6 }, MAP, VALUES)).toEqual({ column: 1, row: 1, value: 9 });
});

test("the arrows begin at the strongest cell, move by one, and stop at the edge", () => {
  const first = moved("ArrowLeft", null, MAP, VALUES);
  expect(first).toEqual({ x: 1.5 / 4, y: 1.5 / 2 });
  const left = moved("ArrowLeft", first, MAP, VALUES);
  expect(left).toEqual({ x: 0.5 / 4, y: 1.5 / 2 });
  expect(moved("ArrowLeft", left, MAP, VALUES)).toEqual(left);
  expect(moved("ArrowUp", left, MAP, VALUES)).toEqual({ x: 0.5 / 4, y: 0.25 });
  expect(moved("a", left, MAP, VALUES)).toBeNull();
});

test("where the model saw a part of the picture, the map lies there, and nothing is read beside it", () => {
  const map = { ...MAP, seen: [0, 0.25, 1, 0.75] as const };
  expect(readAt({ x: 0.25 + 0.3 / 2, y: 0.6 }, map, VALUES)).toEqual({ column: 1, row: 1, value: 9 });
  expect(readAt({ x: 0.75, y: 1 }, map, VALUES)).toEqual({ column: 3, row: 1, value: 7 });
  expect(readAt({ x: 0.2, y: 0.6 }, map, VALUES)).toBeNull();
  expect(readAt({ x: 0.8, y: 0.6 }, map, VALUES)).toBeNull();
  const first = moved("ArrowLeft", null, map, VALUES);
  expect(first).toEqual({ x: 0.25 + 1.5 / 8, y: 0.75 });
  expect(moved("ArrowRight", first, map, VALUES)).toEqual({ x: 0.25 + 2.5 / 8, y: 0.75 });
  expect(moved("ArrowRight", { x: 0.99, y: 0.75 }, map, VALUES)).toEqual({ x: 0.25 + 3.5 / 8, y: 0.75 });
  expect(outOf(into({ x: 0.4, y: 0.1 }, map.seen), map.seen)).toEqual({ x: 0.4, y: 0.1 });
});

test("panes are captioned by what differs between them, and by nothing else", () => {
  const facts = new Facts(SETUP);
  const others = { ...CHOICE, method: "gradients", class_index: 1, contrast_index: 2 };
  const keys = differing([CHOICE, others]);
  expect(keys).toEqual(["class_index", "contrast_index", "method"]);
  expect(caption(CHOICE, keys, facts)).toBe("Grad-CAM · cat");
  expect(caption(others, keys, facts)).toBe("Gradients · dog rather than bird");
  expect(caption(CHOICE, differing([CHOICE, CHOICE]), facts)).toBe("the same");
  const powers = differing([CHOICE, { ...CHOICE, params: { power: 3 } }]);
  expect(caption({ ...CHOICE, params: { power: 3 } }, powers, facts)).toBe("Grad-CAM, power 3");
});

test("a file's name is safe to write", () => {
  const setup = { ...SETUP, labels: ["<b>cat/../x</b>", "dog", "bird"] };
  expect(fileName(CHOICE, new Facts(setup))).toBe("tiny-gradcam-b-cat-x-b-Image-0.png");
});
