import type { Bytes, Result, ResultContent, Snapshot } from "../messages.ts";
import { decodeFloat16, decodeFloat32 } from "../picture/float16.ts";

/** Decode a result: the map is float16 in units of its largest value, the scores are float32. */
export function decodeResult(content: ResultContent, [map, scores]: Bytes[]): Result {
  return { ...content, values: decodeFloat16(map, content.map.scale), scores: decodeFloat32(scores) };
}

/** Decode the newest result as the widget's saved state has it; null if it has none. */
export function decodeSnapshot({ content, map, scores, image, size }: Snapshot) {
  if (!content || !map || !scores) return null;
  return { result: decodeResult(content, [map, scores]), image: image ?? null, size };
}
