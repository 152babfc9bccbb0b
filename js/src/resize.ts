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
  // Each row across first: a small map has few, and then there is one step for each pixel instead of three.
  const wide = across(values, height, width, toWidth);
  const { first, second, share } = taps(height, toHeight);
  const out = new Float32Array(toHeight * toWidth);
  for (let y = 0, at = 0; y < toHeight; y++) {
    const upper = first[y] * toWidth;
    const lower = second[y] * toWidth;
    const part = share[y];
    for (let x = 0; x < toWidth; x++, at++) {
      const top = wide[upper + x];
      out[at] = top + (wide[lower + x] - top) * part;
    }
  }
  return out;
}

function across(values: Float32Array, height: number, width: number, toWidth: number): Float32Array {
  const { first, second, share } = taps(width, toWidth);
  const out = new Float32Array(height * toWidth);
  for (let y = 0, at = 0; y < height; y++) {
    const row = y * width;
    for (let x = 0; x < toWidth; x++, at++) {
      const left = values[row + first[x]];
      out[at] = left + (values[row + second[x]] - left) * share[x];
    }
  }
  return out;
}
