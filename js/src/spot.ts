import type { MapContent } from "./contract.ts";
import type { Size } from "./overlay.ts";
import type { Spot } from "./viewstate.ts";

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

const STEPS: Record<string, [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** One cell further; from nowhere, to the strongest cell. Null for any other key. */
export function moved(key: string, from: Place | null, map: Size, values: Float32Array): Place | null {
  const by = STEPS[key];
  if (!by) return null;
  if (!from) return middle(strongest(values, map), map);
  const { column, row } = cellAt(from, map);
  const to = { x: (column + by[0] + 0.5) / map.width, y: (row + by[1] + 0.5) / map.height };
  return middle(cellAt(to, map), map);
}

/** The cell with the highest value; the first one if none is. */
export function strongest(values: Float32Array, { width }: Size): Cell {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best] || Number.isNaN(values[best])) best = i;
  return { column: best % width, row: Math.floor(best / width) };
}

/** The map's own value there, at its own resolution. */
export function valueAt(spot: Place, map: Pick<MapContent, "width" | "height">, values: Float32Array): number {
  const { column, row } = cellAt(spot, map);
  return values[row * map.width + column];
}
