import type { Picture } from "../picture/picture.ts";
import type { Catalog } from "./catalog.ts";

/** What is shown as nothing, and as most. */
export interface Range {
  low: number;
  high: number;
}

/**
 * The range that holds those of all pictures, so that one colour is one number in all of them; null where the numbers
 * are not of one unit, or of none.
 */
export function commonRange(pictures: readonly (Picture | null)[], catalog: Catalog): Range | null {
  const results = pictures.flatMap((picture) => picture?.result ?? []);
  const kinds = new Set(results.map(({ choice }) => `${catalog.unit(choice)} ${catalog.signed(choice)}`));
  if (results.length < 2 || kinds.size > 1 || !catalog.unit(results[0].choice)) return null;
  const maps = results.map(({ map }) => map);
  return { low: Math.min(...maps.map(({ low }) => low)), high: Math.max(...maps.map(({ high }) => high)) };
}

/** The picture with its map in that range. */
export function ranged(picture: Picture | null, range: Range | null): Picture | null {
  const result = picture?.result;
  return picture && result && range ? { ...picture, result: { ...result, map: { ...result.map, ...range } } } : picture;
}
