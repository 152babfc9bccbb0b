/** Where an output pixel falls between two input pixels: their indices and the share of the second. */
interface Taps {
  first: Int32Array;
  second: Int32Array;
  share: Float32Array;
}

function taps(from: number, to: number): Taps {
  const first = new Int32Array(to);
  const second = new Int32Array(to);
  const share = new Float32Array(to);
  for (let i = 0; i < to; i++) {
    const at = Math.min(Math.max(((i + 0.5) * from) / to - 0.5, 0), from - 1);
    first[i] = Math.floor(at);
    second[i] = Math.min(first[i] + 1, from - 1);
    share[i] = at - first[i];
  }
  return { first, second, share };
}

/** Resize rows of numbers as `keras.ops.image.resize(interpolation="bilinear")` does: half-pixel centres, clamped edges. */
export function resizeBilinear(
  values: Float32Array,
  height: number,
  width: number,
  toHeight: number,
  toWidth: number,
): Float32Array {
  const rows = taps(height, toHeight);
  const columns = taps(width, toWidth);
  const out = new Float32Array(toHeight * toWidth);
  for (let y = 0; y < toHeight; y++) {
    const upper = rows.first[y] * width;
    const lower = rows.second[y] * width;
    for (let x = 0; x < toWidth; x++) {
      const a = columns.first[x];
      const b = columns.second[x];
      const top = values[upper + a] + (values[upper + b] - values[upper + a]) * columns.share[x];
      const bottom = values[lower + a] + (values[lower + b] - values[lower + a]) * columns.share[x];
      out[y * toWidth + x] = top + (bottom - top) * rows.share[y];
    }
  }
  return out;
}
