/** A value for a legend or a list: three significant digits, never more than it takes. */
export function formatNumber(value: number): string {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e5 || size < 1e-3)
    return value.toExponential(1).replace("e+", "e").replace("-", "−").replace("e-", "e−");
  return String(Number(value.toPrecision(3))).replace("-", "−");
}

export function formatScore(value: number): string {
  if (!Number.isFinite(value)) return "NaN";
  return value.toFixed(2).replace("-", "−");
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

export function formatTime(milliseconds: number): string {
  if (milliseconds >= 10_000) return `${Math.round(milliseconds / 1000)} s`;
  if (milliseconds >= 1000) return `${(milliseconds / 1000).toFixed(1)} s`;
  return milliseconds < 1 ? "< 1 ms" : `${Math.round(milliseconds)} ms`;
}

/** 1041 is `1,041`; by hand, because a page's first `toLocaleString` takes 17 ms. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}
