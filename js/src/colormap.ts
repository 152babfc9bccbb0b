import { TABLES } from "./tables.ts";

const SIZE = 256;

export const SEQUENTIAL_DEFAULT = "inferno";
export const DIVERGING_DEFAULT = "RdBu_r";

const cache = new Map<string, Uint8ClampedArray>();

/** 256 colours, four bytes each, opaque, drawn out from fewer. An unknown name gives the default. */
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

function grays(): Uint8Array {
  return Uint8Array.of(0, 0, 0, 255, 255, 255);
}

function decode(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

/** The table as a CSS gradient from left to right, clear where the threshold leaves the map out. */
export function gradient(name: string, threshold = 0, signed = false, stops = 65): string {
  const table = lookupTable(name);
  const colours = Array.from({ length: stops }, (_, i) => {
    const t = i / (stops - 1);
    const strength = signed ? Math.abs(2 * t - 1) : t;
    const at = 4 * Math.round(t * (SIZE - 1));
    return strength < threshold ? "transparent" : `rgb(${table.subarray(at, at + 3).join()})`;
  });
  return `linear-gradient(90deg, ${colours.join(", ")})`;
}
