import type { Bytes } from "../messages.ts";

/** Return a view of the same bytes, whatever their type. */
export function view(bytes: Bytes): DataView {
  if (bytes instanceof ArrayBuffer) return new DataView(bytes);
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const POWERS = Float64Array.from({ length: 32 }, (_, exponent) => 2 ** (exponent - 15));

/** Decode 16 bits: 1 sign bit, 5 of exponent, 10 of fraction. */
export function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * POWERS[exponent];
}

/** Decode little-endian float16, in units of `scale`. */
export function decodeFloat16(bytes: Bytes, scale = 1): Float32Array {
  const source = view(bytes);
  const out = new Float32Array(source.byteLength >> 1);
  for (let i = 0; i < out.length; i++) out[i] = half(source.getUint16(2 * i, true)) * scale;
  return out;
}

/** Decode little-endian float32. */
export function decodeFloat32(bytes: Bytes): Float32Array {
  const source = view(bytes);
  const out = new Float32Array(source.byteLength >> 2);
  for (let i = 0; i < out.length; i++) out[i] = source.getFloat32(4 * i, true);
  return out;
}
