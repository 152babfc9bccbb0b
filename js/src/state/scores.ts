import type { ScoresKind } from "../messages.ts";

/** Whether two sets of scores are equal up to rounding: another function of the same model may sum in another order. */
export function sameScores(a: Float32Array, b: Float32Array): boolean {
  return (
    a.length === b.length &&
    a.every((score, i) => Object.is(score, b[i]) || Math.abs(score - b[i]) <= 1e-6 * Math.abs(score))
  );
}

/** Return the length of each score's bar, 0 to 1. Logits and values are scaled to the range of all of them. */
export function barLengths(scores: Float32Array, kind: ScoresKind): Float32Array {
  const finite = scores.filter(Number.isFinite);
  const whole = kind === "probability" || kind === "share";
  const low = whole ? 0 : finite.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const high = whole ? 1 : finite.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return scores.map((score) => Math.min(Math.max((score - low) / (high - low), 0), 1) || 0);
}
