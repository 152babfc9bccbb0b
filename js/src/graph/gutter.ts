/** The graph beside one row: its edges as SVG paths, and the position of its dot. */
import type { Piece } from "./lanes.ts";

export const ROW_HEIGHT = 24;
/** Lanes beyond these repeat the colours. */
const HUES = 6;
const PITCH = 10;
const NARROWEST = 4;
/** Width that the lanes share before they move together, in pixels. */
const ROOM = 56;
const MARGIN = 9;

export interface Stroke {
  hue: number;
  lit: boolean;
  d: string;
}

/** Return the distance between lanes, in pixels. */
export function pitchOf(lanes: number): number {
  return Math.min(PITCH, Math.max(NARROWEST, ROOM / Math.max(1, lanes - 1)));
}

export function laneX(lane: number, pitch: number): number {
  return MARGIN + Math.max(0, lane) * pitch;
}

export function gutterWidth(lanes: number): number {
  return Math.ceil(2 * MARGIN + Math.max(0, lanes - 1) * pitchOf(lanes));
}

/** Return the hue of a lane: 0 for the main line. */
export function hueOf(lane: number): number {
  return lane <= 0 ? 0 : 1 + ((lane - 1) % HUES);
}

/**
 * Return the paths of one row, one for each colour; highlighted ones last, on top. `lit` has one value for each piece.
 */
export function strokes(pieces: readonly Piece[], own: number, lit: readonly boolean[], pitch: number): Stroke[] {
  const found = new Map<number, Stroke>();
  pieces.forEach(({ kind, lane }, i) => {
    const hue = hueOf(lane);
    const key = lit[i] ? -1 : hue;
    if (!found.has(key)) found.set(key, { hue, lit: lit[i], d: "" });
    (found.get(key) as Stroke).d += pathOf(kind, laneX(lane, pitch), laneX(own, pitch));
  });
  return [...found.values()].sort((a, b) => Number(a.lit) - Number(b.lit) || b.hue - a.hue);
}

/** From the dot sideways and down, straight through, or down and to the dot. */
function pathOf(kind: Piece["kind"], x: number, dot: number): string {
  const middle = ROW_HEIGHT / 2;
  if (kind === "through") return `M${x} 0V${ROW_HEIGHT}`;
  const [from, to] = kind === "out" ? [ROW_HEIGHT, middle] : [0, middle];
  if (x === dot) return `M${x} ${from}V${to}`;
  return `M${x} ${from}Q${x} ${to} ${dot} ${to}`;
}
