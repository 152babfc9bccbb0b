import { TABLES } from "./colormapTables.ts";

const SIZE = 256;

export const SEQUENTIAL_DEFAULT = "inferno";
export const DIVERGING_DEFAULT = "RdBu_r";

const cache = new Map<string, Uint8ClampedArray>();

/** Return 256 opaque RGBA colours, interpolated from fewer. An unknown name gives the default. */
export function lookupTable(name: string): Uint8ClampedArray {
  const known = cache.get(name);
  if (known) return known;
  const colours = name === "gray" ? grays() : decode(TABLES[name] ?? TABLES[SEQUENTIAL_DEFAULT]);
  const table = new Uint8ClampedArray(4 * SIZE).fill(255);
  const apart = (SIZE - 1) / (colours.length / 3 - 1);
  for (let i = 0; i < SIZE; i++) {
    const first = 3 * Math.floor(i / apart);
    const share = (i % apart) / apart;
    for (let k = first; k < first + 3; k++) {
      table[4 * i + k - first] = colours[k] + share * ((colours[k + 3] ?? colours[k]) - colours[k]);
    }
  }
  cache.set(name, table);
  return table;
}

/** Strength at which an overlay begins to be visible, and from which on it is opaque. */
const FROM = 0.06;
const WHOLLY = 0.5;

/** Return the opacity of a value of that strength, 0 to 1: weak values leave the image as it is. */
export function veil(strength: number): number {
  const t = Math.min(Math.max((strength - FROM) / (WHOLLY - FROM), 0), 1);
  return t * t * (3 - 2 * t);
}

/** Strength of a position in the table, 0 to 1; zero of a signed map is in the middle. */
const strengthAt = (t: number, signed: boolean) => (signed ? Math.abs(2 * t - 1) : t);

/** Return the table for an overlay: weak values are transparent. */
export function fadingTable(name: string, signed: boolean): Uint8ClampedArray {
  const key = `${name} ${signed}`;
  const known = cache.get(key);
  if (known) return known;
  const table = lookupTable(name).slice();
  for (let i = 0; i < SIZE; i++) table[4 * i + 3] = Math.round(255 * veil(strengthAt(i / (SIZE - 1), signed)));
  cache.set(key, table);
  return table;
}

function grays(): Uint8Array {
  return Uint8Array.of(0, 0, 0, 255, 255, 255);
}

function decode(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

/** Return a table as a CSS gradient from left to right, transparent below the threshold. */
export function gradient(table: Uint8ClampedArray, threshold = 0, signed = false, stops = 65): string {
  const colours = Array.from({ length: stops }, (_, i) => {
    const t = i / (stops - 1);
    const at = 4 * Math.round(t * (SIZE - 1));
    if (strengthAt(t, signed) < threshold) return "transparent";
    const alpha = table[at + 3] < 255 ? ` / ${(table[at + 3] / 255).toFixed(3)}` : "";
    return `rgb(${table.subarray(at, at + 3).join(alpha ? " " : ",")}${alpha})`;
  });
  return `linear-gradient(90deg, ${colours.join(", ")})`;
}
