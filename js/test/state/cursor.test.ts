import { expect, test } from "vitest";
import { cellAt, moveByKey, readAt, toPicture, toRegion } from "../../src/state/cursor.ts";

const MAP = { width: 4, height: 2 };
const VALUES = Float32Array.from([0, 1, 2, 3, 4, 9, 6, 7]);

test("a place lies in one cell, also at the very edge", () => {
  expect(cellAt({ x: 0.3, y: 0.6 }, MAP)).toEqual({ column: 1, row: 1 });
  expect(cellAt({ x: 1, y: 1 }, MAP)).toEqual({ column: 3, row: 1 });
  expect(readAt({ x: 0.3, y: 0.6 }, MAP, VALUES)).toEqual({ column: 1, row: 1, value: 9 });
});

test("the arrows begin at the strongest cell, move by one, and stop at the edge", () => {
  const first = moveByKey("ArrowLeft", null, MAP, VALUES);
  expect(first).toEqual({ x: 1.5 / 4, y: 1.5 / 2 });
  const left = moveByKey("ArrowLeft", first, MAP, VALUES);
  expect(left).toEqual({ x: 0.5 / 4, y: 1.5 / 2 });
  expect(moveByKey("ArrowLeft", left, MAP, VALUES)).toEqual(left);
  expect(moveByKey("ArrowUp", left, MAP, VALUES)).toEqual({ x: 0.5 / 4, y: 0.25 });
  expect(moveByKey("a", left, MAP, VALUES)).toBeNull();
});

test("where the model saw a part of the picture, the map lies there, and nothing is read beside it", () => {
  const map = { ...MAP, input_region: [0, 0.25, 1, 0.75] as const };
  expect(readAt({ x: 0.25 + 0.3 / 2, y: 0.6 }, map, VALUES)).toEqual({ column: 1, row: 1, value: 9 });
  expect(readAt({ x: 0.75, y: 1 }, map, VALUES)).toEqual({ column: 3, row: 1, value: 7 });
  expect(readAt({ x: 0.2, y: 0.6 }, map, VALUES)).toBeNull();
  expect(readAt({ x: 0.8, y: 0.6 }, map, VALUES)).toBeNull();
  const first = moveByKey("ArrowLeft", null, map, VALUES);
  expect(first).toEqual({ x: 0.25 + 1.5 / 8, y: 0.75 });
  expect(moveByKey("ArrowRight", first, map, VALUES)).toEqual({ x: 0.25 + 2.5 / 8, y: 0.75 });
  expect(moveByKey("ArrowRight", { x: 0.99, y: 0.75 }, map, VALUES)).toEqual({ x: 0.25 + 3.5 / 8, y: 0.75 });
  expect(toPicture(toRegion({ x: 0.4, y: 0.1 }, map.input_region), map.input_region)).toEqual({ x: 0.4, y: 0.1 });
});
