import type { Bytes, MapContent, Result, ResultContent } from "../messages.ts";
import { decodeFloat16, decodeFloat32 } from "../picture/float16.ts";

/** Maps travel as float16 in units of their largest size, scores as float32. */
export function decodeResult(content: ResultContent, [map, scores]: Bytes[]): Result {
  return { ...content, values: decodeMap(content.map, map), scores: decodeFloat32(scores) };
}

export function decodeMap({ scale }: MapContent, bytes: Bytes): Float32Array {
  return decodeFloat16(bytes, scale);
}
