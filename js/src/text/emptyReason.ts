import type { MapContent } from "../messages.ts";

/** Return why a map shows nothing; null if it shows something. */
export function emptyReason({ finite, low, high }: MapContent): string | null {
  if (!finite) return "The map has values that are NaN or infinite.";
  return high > low ? null : "The map is the same everywhere: no cell stands out at this layer.";
}
