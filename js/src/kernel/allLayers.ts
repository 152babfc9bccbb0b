import type { Bytes, Choice, MapContent, Result, ScanContent } from "../messages.ts";
import { decodeFloat16, view } from "../picture/float16.ts";

/** Share of the places whose mass is compared with that of all. */
export const TOP_SHARE = 0.1;

/** The maps of all layers for one choice, decoded as they are looked at. */
export class Scan {
  readonly content: ScanContent;
  #bytes: DataView;
  #starts: number[] = [];
  #maps = new Map<number, Float32Array>();
  #concentrations: Float32Array | null = null;

  constructor(content: ScanContent, bytes: Bytes) {
    this.content = content;
    this.#bytes = view(bytes);
    let start = 0;
    for (const { height, width } of content.maps) {
      this.#starts.push(start);
      start += 2 * height * width;
    }
  }

  has(layer: string): boolean {
    return this.content.layers.includes(layer);
  }

  /** The layer's map as if it had been asked for. `base` is the newest result, whose scores hold for all layers. */
  result(choice: Choice, base: Result): Result {
    const { serial, layers, maps, milliseconds } = this.content;
    const at = layers.indexOf(choice.layer);
    const map = maps[at];
    return {
      ...base,
      id: null,
      serial: Math.max(base.serial, serial),
      choice,
      map,
      values: this.values(at),
      milliseconds,
      note: describeEmpty(map),
      done: 1,
      total: 1,
    };
  }

  values(at: number): Float32Array {
    const known = this.#maps.get(at);
    if (known) return known;
    const values = this.#decode(at);
    this.#maps.set(at, values);
    return values;
  }

  /** For each layer, how much of its map lies in few places, 0 to 1. */
  get concentrations(): Float32Array {
    this.#concentrations ??= Float32Array.from(this.content.maps, (_, at) => concentration(this.#decode(at)));
    return this.#concentrations;
  }

  #decode(at: number): Float32Array {
    const { height, width, scale } = this.content.maps[at];
    const { buffer, byteOffset } = this.#bytes;
    return decodeFloat16(new DataView(buffer, byteOffset + this.#starts[at], 2 * height * width), scale);
  }
}

/** Share of a map's positive mass that its strongest tenth of places holds; 0 where nothing is positive. */
export function concentration(values: Float32Array, share = TOP_SHARE): number {
  const positive = values.filter((value) => value > 0 && Number.isFinite(value)).sort();
  const total = positive.reduce((sum, value) => sum + value, 0);
  const count = Math.max(1, Math.round(share * values.length));
  const top = positive.subarray(Math.max(0, positive.length - count)).reduce((sum, value) => sum + value, 0);
  return total > 0 ? top / total : 0;
}

/** Why such a map shows nothing; null where it shows something. */
export function describeEmpty({ finite, low, high }: MapContent): string | null {
  if (!finite) return "The map has values that are NaN or infinite.";
  return high > low ? null : "The map is the same everywhere: at this layer no place stands out.";
}

/** Bars of heights 0 to 1 as one SVG path, each one unit wide, in a box one unit high. */
export function bars(heights: Float32Array, gap = heights.length > 100 ? 0 : 0.25): string {
  return Array.from(heights, (height, i) => bar(i, height, gap)).join("");
}

export function bar(at: number, height: number, gap: number): string {
  const shown = Number(Math.max(height, 0.04).toFixed(3));
  return `M${at + gap / 2} 1v${-shown}h${1 - gap}v${shown}z`;
}

/** Where a layer stands among those to move through: its own place, or that of the last one before it; -1 if none. */
export function placeOf(layer: string, layers: readonly string[], order: readonly string[]): number {
  const own = layers.indexOf(layer);
  if (own >= 0) return own;
  const before = new Set(order.slice(0, order.indexOf(layer) + 1));
  return layers.filter((path) => before.has(path)).length - 1;
}
