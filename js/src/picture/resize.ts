/** For each output pixel the two input pixels that it lies between, and the weight of the second. */
interface Taps {
  first: Int32Array;
  second: Int32Array;
  share: Float32Array;
}

/** Values resized in width, and for each output row the two input rows that it lies between. */
export interface Resized {
  across: Float32Array;
  down: Taps;
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

/**
 * Resize as `keras.ops.image.resize(interpolation="bilinear")` does: half-pixel centres, clamped edges. The caller
 * interpolates between rows while it paints, so that no full-size array is stored.
 */
export function resizeBilinear(
  values: Float32Array,
  height: number,
  width: number,
  toHeight: number,
  toWidth: number,
): Resized {
  const { first, second, share } = taps(width, toWidth);
  const across = new Float32Array(height * toWidth);
  for (let y = 0, at = 0; y < height; y++) {
    const row = y * width;
    for (let x = 0; x < toWidth; x++, at++) {
      const left = values[row + first[x]];
      across[at] = left + (values[row + second[x]] - left) * share[x];
    }
  }
  return { across, down: taps(height, toHeight) };
}
