import type { Bytes, Result, ResultContent } from "./contract.ts";
import { decodeFloat16, decodeFloat32 } from "./float16.ts";

/** Maps travel as float16 in units of their largest size, scores as float32. */
export function decodeResult(content: ResultContent, [map, scores]: Bytes[]): Result {
  const { scale } = content.map;
  return { ...content, values: decodeFloat16(map).map((value) => value * scale), scores: decodeFloat32(scores) };
}
