/** A value for a legend or a list: three significant digits, never more than it takes. */
export function formatNumber(value: number): string {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e5 || size < 1e-3)
    return value.toExponential(1).replace("e+", "e").replace("-", "−").replace("e-", "e−");
  return String(Number(value.toPrecision(3))).replace("-", "−");
}

/** Digits after the point at most. */
const MOST_DECIMALS = 7;
/** So many of the highest scores are to differ. */
const TOLD_APART = 5;

/**
 * Digits after the point that it takes to tell the highest of some scores by two, and it from others that come near it:
 * of 1,000 classes each may have 0.001.
 */
export function scoreDecimals(scores: Float32Array): number {
  const highest = scores.reduce((most, score) => (Number.isFinite(score) ? Math.max(most, Math.abs(score)) : most), 0);
  if (highest === 0) return 2;
  let decimals = Math.min(Math.max(2, 1 - Math.floor(Math.log10(highest))), 6);
  const near = [...new Set(scores.filter((score) => score > highest / 2))].sort((a, b) => b - a).slice(0, TOLD_APART);
  while (decimals < MOST_DECIMALS && new Set(near.map((score) => score.toFixed(decimals))).size < near.length)
    decimals++;
  return decimals;
}

/** With two more digits where a few would be zeros, but never for what is as good as nothing. */
export function formatScore(value: number, decimals = 2): string {
  if (!Number.isFinite(value)) return "NaN";
  const size = Math.abs(value);
  const small = size < 0.01 && size >= 0.5 / 10 ** (decimals + 2);
  return value.toFixed(small ? Math.max(decimals, 4) : decimals).replace("-", "−");
}

/** As long as the longest of its list, by spaces as wide as digits, so that the points stand in one column. */
export function formatColumn(value: number, decimals: number, kind: "probability" | "logit"): string {
  const text = formatScore(value, decimals);
  return kind === "probability" ? text.padEnd(2 + Math.max(decimals, 4), "\u2007") : text;
}

/** `[null, 12, 12, 64]` is `12·12·64`: the batch goes without saying. */
export function formatShape(shape: (number | null)[] | null, separator = "·"): string {
  return shape
    ? shape
        .slice(1)
        .map((side) => side ?? "?")
        .join(separator)
    : "";
}

export function formatShare(share: number): string {
  return `${Math.round(100 * share)} %`;
}

export function formatTime(milliseconds: number): string {
  if (milliseconds >= 10_000) return `${Math.round(milliseconds / 1000)} s`;
  if (milliseconds >= 1000) return `${(milliseconds / 1000).toFixed(1)} s`;
  return milliseconds < 1 ? "< 1 ms" : `${Math.round(milliseconds)} ms`;
}

/** 1041 is `1,041`; by hand, because a page's first `toLocaleString` takes 17 ms. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}
