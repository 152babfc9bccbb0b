import type { Picture } from "../picture/picture.ts";
import type { Catalog } from "./catalog.ts";

/** The display range: values at which colours begin and end. */
export interface Range {
  low: number;
  high: number;
}

/**
 * Return the range that contains those of all pictures, so that equal values have equal colours; null where they have
 * different units, or none.
 */
export function commonRange(pictures: readonly (Picture | null)[], catalog: Catalog): Range | null {
  const results = pictures.flatMap((picture) => picture?.result ?? []);
  const kinds = new Set(results.map(({ choice }) => `${catalog.unit(choice)} ${catalog.signed(choice)}`));
  if (results.length < 2 || kinds.size > 1 || !catalog.unit(results[0].choice)) return null;
  const maps = results.map(({ map }) => map);
  return { low: Math.min(...maps.map(({ low }) => low)), high: Math.max(...maps.map(({ high }) => high)) };
}

/** Return the picture with its map in that range. */
export function ranged(picture: Picture | null, range: Range | null): Picture | null {
  const result = picture?.result;
  return picture && result && range ? { ...picture, result: { ...result, map: { ...result.map, ...range } } } : picture;
}
