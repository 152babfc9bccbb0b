/** Share of the cells whose mass is compared with that of all. */
export const TOP_SHARE = 0.1;

/** Return the share of a map's positive mass in its top 10 % of cells; 0 where no value is positive. */
export function concentration(values: Float32Array, share = TOP_SHARE): number {
  const positive = values.filter((value) => value > 0 && Number.isFinite(value)).sort();
  const total = positive.reduce((sum, value) => sum + value, 0);
  const count = Math.max(1, Math.round(share * values.length));
  const top = positive.subarray(Math.max(0, positive.length - count)).reduce((sum, value) => sum + value, 0);
  return total > 0 ? top / total : 0;
}

/** Return bars of heights 0 to 1 as one SVG path, each one unit wide, in a box one unit high. */
export function bars(heights: Float32Array, gap = heights.length > 100 ? 0 : 0.25): string {
  return Array.from(heights, (height, i) => bar(i, height, gap)).join("");
}

export function bar(at: number, height: number, gap: number): string {
  const shown = Number(Math.max(height, 0.04).toFixed(3));
  return `M${at + gap / 2} 1v${-shown}h${1 - gap}v${shown}z`;
}
