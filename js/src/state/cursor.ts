import { type MapContent, type Region, WHOLE } from "../messages.ts";
import type { Size } from "../picture/overlay.ts";

/** A point of the picture, from 0 to 1 in both directions. */
export interface Point {
  x: number;
  y: number;
}

/** The point whose value is read; `announce`: screen readers announce it. */
export interface Cursor extends Point {
  announce: boolean;
}

export interface Cell {
  column: number;
  row: number;
}

/** Return the cell of a grid that contains a point. */
export function cellAt({ x, y }: Point, { width, height }: Size): Cell {
  const within = (share: number, count: number) => Math.min(Math.max(Math.floor(share * count), 0), count - 1);
  return { column: within(x, width), row: within(y, height) };
}

/** Return the centre of a cell. */
export function center({ column, row }: Cell, { width, height }: Size): Point {
  return { x: (column + 0.5) / width, y: (row + 0.5) / height };
}

/** Convert a point of the picture to coordinates of a part of it: outside of the part, below 0 or above 1. */
export function toRegion({ x, y }: Point, [top, left, bottom, right]: Region): Point {
  return { x: (x - left) / (right - left), y: (y - top) / (bottom - top) };
}

/** Convert a point of a part of the picture to coordinates of the picture. */
export function toPicture({ x, y }: Point, [top, left, bottom, right]: Region): Point {
  return { x: left + x * (right - left), y: top + y * (bottom - top) };
}

type Cells = Size & Pick<MapContent, "input_region">;

const STEPS: Record<string, [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** Move by one cell for an arrow key; without a point to start from, go to the strongest cell. Null for other keys. */
export function moveByKey(key: string, from: Point | null, map: Cells, values: Float32Array): Point | null {
  const by = STEPS[key];
  if (!by) return null;
  const { input_region: region = WHOLE } = map;
  if (!from) return toPicture(center(strongest(values, map), map), region);
  const { column, row } = cellAt(toRegion(from, region), map);
  const to = { x: (column + by[0] + 0.5) / map.width, y: (row + by[1] + 0.5) / map.height };
  return toPicture(center(cellAt(to, map), map), region);
}

/** Return the cell with the highest value; the first one if there is none. */
export function strongest(values: Float32Array, { width }: Size): Cell {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best] || Number.isNaN(values[best])) best = i;
  return { column: best % width, row: Math.floor(best / width) };
}

/** Return the map's cell at a point of the picture, and its value; null outside of what the model sees. */
export function readAt(point: Point, map: Cells, values: Float32Array): (Cell & { value: number }) | null {
  const { input_region: region = WHOLE } = map;
  const { x, y } = toRegion(point, region);
  if (Math.min(x, y) < 0 || Math.max(x, y) > 1) return null;
  const { column, row } = cellAt({ x, y }, map);
  return { column, row, value: values[row * map.width + column] };
}
