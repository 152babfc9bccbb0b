import { type MapContent, type Part, WHOLE } from "../messages.ts";
import type { Size } from "../picture/overlay.ts";
import type { Spot } from "./viewState.ts";

export interface Cell {
  column: number;
  row: number;
}

type Place = Pick<Spot, "x" | "y">;

/** The cell of a grid that a place lies in. */
export function cellAt({ x, y }: Place, { width, height }: Size): Cell {
  const within = (share: number, count: number) => Math.min(Math.max(Math.floor(share * count), 0), count - 1);
  return { column: within(x, width), row: within(y, height) };
}

/** The middle of a cell. */
export function middle({ column, row }: Cell, { width, height }: Size): Place {
  return { x: (column + 0.5) / width, y: (row + 0.5) / height };
}

/** A place of the picture, as a place of a part of it: outside of that, below 0 or above 1. */
export function into({ x, y }: Place, [top, left, bottom, right]: Part): Place {
  return { x: (x - left) / (right - left), y: (y - top) / (bottom - top) };
}

/** A place of a part of the picture, as a place of the picture. */
export function outOf({ x, y }: Place, [top, left, bottom, right]: Part): Place {
  return { x: left + x * (right - left), y: top + y * (bottom - top) };
}

type Cells = Size & Pick<MapContent, "seen">;

const STEPS: Record<string, [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** One cell further; from nowhere, to the strongest cell. Null for any other key. */
export function moved(key: string, from: Place | null, map: Cells, values: Float32Array): Place | null {
  const by = STEPS[key];
  if (!by) return null;
  const { seen = WHOLE } = map;
  if (!from) return outOf(middle(strongest(values, map), map), seen);
  const { column, row } = cellAt(into(from, seen), map);
  const to = { x: (column + by[0] + 0.5) / map.width, y: (row + by[1] + 0.5) / map.height };
  return outOf(middle(cellAt(to, map), map), seen);
}

/** The cell with the highest value; the first one if none is. */
export function strongest(values: Float32Array, { width }: Size): Cell {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best] || Number.isNaN(values[best])) best = i;
  return { column: best % width, row: Math.floor(best / width) };
}

/** The cell of a map at a place of its picture, and the map's own value there; null where the model saw nothing. */
export function readAt(spot: Place, map: Cells, values: Float32Array): (Cell & { value: number }) | null {
  const { seen = WHOLE } = map;
  const place = into(spot, seen);
  if (Math.min(place.x, place.y) < 0 || Math.max(place.x, place.y) > 1) return null;
  const { column, row } = cellAt(place, map);
  return { column, row, value: values[row * map.width + column] };
}
