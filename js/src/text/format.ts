import type { ScoresKind } from "../messages.ts";

/** Format a value for a legend or a list: at most three significant digits. */
export function formatNumber(value: number): string {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e5 || size < 1e-3)
    return value.toExponential(1).replace("e+", "e").replace("-", "−").replace("e-", "e−");
  return String(Number(value.toPrecision(3))).replace("-", "−");
}

/** Maximum number of decimals. */
const MOST_DECIMALS = 7;
/** How many of the highest scores should differ. */
const TOLD_APART = 5;

/**
 * Return the number of decimals at which the highest scores differ, and the highest has two significant digits: with
 * 1,000 classes each may be 0.001.
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

/** Format a score, with two more decimals where it would be shown as zero but is not negligible. */
export function formatScore(value: number, decimals = 2): string {
  if (!Number.isFinite(value)) return "NaN";
  const size = Math.abs(value);
  const small = size < 0.01 && size >= 0.5 / 10 ** (decimals + 2);
  return value.toFixed(small ? Math.max(decimals, 4) : decimals).replace("-", "−");
}

/** Format a share of pixels: none at all is `0 %`, and nothing else is. */
export function formatPixels(share: number): string {
  const text = (100 * share).toFixed(1);
  return share > 0 && text === "0.0" ? "<0.1 %" : `${share === 0 ? 0 : text} %`;
}

/** Format a score and pad it with figure spaces to the longest of its list, so that decimal points are aligned. */
export function formatColumn(value: number, decimals: number, kind: ScoresKind): string {
  // A punctuation space is as wide as a point.
  if (kind === "share")
    return (value === 0 ? "\u2008" : "") + formatPixels(value).padStart(value === 0 ? 6 : 7, "\u2007");
  const text = formatScore(value, decimals);
  return kind === "probability" ? text.padEnd(2 + Math.max(decimals, 4), "\u2007") : text;
}

/** Format a shape without its batch: `[null, 12, 12, 64]` is `12·12·64`. */
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

/** Format 1041 as `1,041`; not by `toLocaleString`, whose first call takes 17 ms. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}
