import type { MapContent, Region } from "../messages.ts";
import { type Resized, resizeBilinear } from "./resize.ts";

/** Upper bound of the longer side of a canvas, in pixels: more costs time, and no difference is visible. */
const LONGEST = 1024;

export interface Size {
  width: number;
  height: number;
}

/** A map that is ready to be painted: values in [0, 1], at the canvas's resolution. */
export interface Shade extends Size, Resized {}

/** Return the size of a region of an image. */
export function sizeOf([top, left, bottom, right]: Region, { width, height }: Size): Size {
  return { width: width * (right - left), height: height * (bottom - top) };
}

/** Return the image's own size, or a whole multiple of it with at least one pixel for each screen pixel. */
export function canvasSize(image: Size, screen: number): Size {
  const longest = Math.max(image.width, image.height, 1);
  const wanted = Math.max(1, Math.ceil(Math.min(screen, LONGEST) / longest));
  const scale = Math.min(wanted, Math.max(1, Math.floor(LONGEST / longest)), LONGEST / longest);
  return {
    width: Math.max(1, Math.round(image.width * scale)),
    height: Math.max(1, Math.round(image.height * scale)),
  };
}

/** Scale `low` to 0 and `high` to 1, clamped, at the map's own resolution. */
export function scale(values: Float32Array, low: number, high: number): Float32Array {
  const range = high - low;
  return values.map((value) => Math.min(Math.max((value - low) / range, 0), 1));
}

/** Return the map ready to be painted, or null if it shows nothing (constant, or not finite). */
export function shade(
  values: Float32Array,
  map: Pick<MapContent, "height" | "width" | "low" | "high" | "finite">,
  size: Size,
): Shade | null {
  const { height, width, low, high, finite } = map;
  if (!finite || !(high > low) || values.length !== height * width || values.length === 0) return null;
  return { ...size, ...resizeBilinear(scale(values, low, high), height, width, size.height, size.width) };
}

/** Whether an image is shown in grey: under a signed map its own colours would be mistaken for the map's. */
export function greyUnder(result: { map: MapContent } | null, signed: boolean, opacity: number): boolean {
  return signed && opacity > 0 && !!result?.map.finite && result.map.high > result.map.low;
}

/** Paint the map: values below the threshold are transparent. Zero of a signed map is at 0.5. */
export function paint(
  { width, height, across, down }: Shade,
  table: Uint8ClampedArray,
  threshold: number,
  signed: boolean,
  out: Uint8ClampedArray,
): void {
  const colours = new Uint32Array(table.buffer, table.byteOffset, 256);
  const pixels = new Uint32Array(out.buffer, out.byteOffset, width * height);
  for (let y = 0, at = 0; y < height; y++) {
    const upper = down.first[y] * width;
    const lower = down.second[y] * width;
    const share = down.share[y];
    for (let x = 0; x < width; x++, at++) {
      const top = across[upper + x];
      const t = top + (across[lower + x] - top) * share;
      const strength = signed ? Math.abs(2 * t - 1) : t;
      pixels[at] = strength < threshold ? 0 : colours[Math.min(255, (t * 256) | 0)];
    }
  }
}
