/** Return about five round numbers, evenly spaced, that span 0, 1 and all finite values. */
export function ticks(...curves: Float32Array[]): number[] {
  const values = [0, 1, ...curves.flatMap((curve) => [...curve])].filter(Number.isFinite);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const rough = (high - low) / 4;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = size * ([1, 2, 2.5, 5].find((factor) => factor * size >= rough * (1 - 1e-9)) ?? 10);
  const first = Math.floor(low / step + 1e-9);
  const count = Math.ceil(high / step - 1e-9) - first + 1;
  return Array.from({ length: count }, (_, i) => (first + i) * step);
}

/** Return the path of a curve in a box of 100 by 100, from `low` at its foot to `high`. */
export function path(shares: Float32Array, curve: Float32Array, low: number, high: number): string {
  const known = [...curve.keys()].filter((i) => Number.isFinite(curve[i]));
  const up = (value: number) => 100 * (1 - (value - low) / (high - low));
  return known.map((i, n) => `${n ? "L" : "M"}${(100 * shares[i]).toFixed(2)} ${up(curve[i]).toFixed(2)}`).join("");
}
