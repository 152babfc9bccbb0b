import { terms } from "../graph/tree.ts";

/** Class indices, the highest score first; equal scores, and labels without scores, keep their order. */
export function rank(count: number, scores: Float32Array | null): number[] {
  const order = Array.from({ length: count }, (_, index) => index);
  if (!scores) return order;
  const keys = scores.map((score) => (Number.isNaN(score) ? Number.NEGATIVE_INFINITY : score));
  return order.sort((a, b) => keys[b] - keys[a] || a - b);
}

/** Those of `order` whose label holds every word of the query, or whose index it is. */
export function search(order: readonly number[], labels: readonly string[], query: string): readonly number[] {
  const words = terms(query);
  if (words.length === 0) return order;
  return order.filter((index) => {
    const label = labels[index].toLowerCase();
    return words.every((word) => label.includes(word)) || String(index) === words[0];
  });
}

export interface Window {
  /** The rows to render: the first `limit`, and the chosen one wherever it is among those that fit. */
  rows: number[];
  /** How many are left out. */
  more: number;
}

export function firstRows(found: readonly number[], chosen: number, limit: number): Window {
  const rows = found.slice(0, limit);
  const pinned = !rows.includes(chosen) && found.includes(chosen);
  const more = found.length - rows.length - (pinned ? 1 : 0);
  return { rows: pinned ? [...rows, chosen] : rows, more };
}

/** Whether two sets of scores differ by rounding at most: another function of the same model may add in another order. */
export function sameScores(a: Float32Array, b: Float32Array): boolean {
  return (
    a.length === b.length &&
    a.every((score, i) => Object.is(score, b[i]) || Math.abs(score - b[i]) <= 1e-6 * Math.abs(score))
  );
}

/** How much of its row each score's bar takes, 0 to 1. Logits are measured within the range of all. */
export function barLengths(scores: Float32Array, kind: "probability" | "logit"): Float32Array {
  const finite = scores.filter(Number.isFinite);
  const low = kind === "probability" ? 0 : finite.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const high = kind === "probability" ? 1 : finite.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return scores.map((score) => Math.min(Math.max((score - low) / (high - low), 0), 1) || 0);
}
