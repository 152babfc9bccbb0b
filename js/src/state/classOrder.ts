import { terms } from "../text/query.ts";

/** Return the class indices by score, highest first; equal scores, and classes without scores, keep their order. */
export function rank(count: number, scores: Float32Array | null): number[] {
  const order = Array.from({ length: count }, (_, index) => index);
  if (!scores) return order;
  const keys = scores.map((score) => (Number.isNaN(score) ? Number.NEGATIVE_INFINITY : score));
  return order.sort((a, b) => keys[b] - keys[a] || a - b);
}

/** Keep the classes whose label contains every word of the query, or whose index it is. */
export function search(order: readonly number[], labels: readonly string[], query: string): readonly number[] {
  const words = terms(query);
  if (words.length === 0) return order;
  return order.filter((index) => {
    const label = labels[index].toLowerCase();
    return words.every((word) => label.includes(word)) || String(index) === words[0];
  });
}

export interface Rows {
  /** The rows to render: the first `limit`, and the chosen class if it is among the matches. */
  rows: number[];
  /** The number of matches without a row. */
  more: number;
}

export function firstRows(found: readonly number[], chosen: number, limit: number): Rows {
  const rows = found.slice(0, limit);
  const pinned = !rows.includes(chosen) && found.includes(chosen);
  const more = found.length - rows.length - (pinned ? 1 : 0);
  return { rows: pinned ? [...rows, chosen] : rows, more };
}
