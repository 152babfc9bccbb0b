/**
 * Return the position of a layer on the Depth slider: its own, or that of the last layer before it in `order`; -1 if
 * there is none.
 */
export function depthOf(layer: string, layers: readonly string[], order: readonly string[]): number {
  const own = layers.indexOf(layer);
  if (own >= 0) return own;
  const before = new Set(order.slice(0, order.indexOf(layer) + 1));
  return layers.filter((path) => before.has(path)).length - 1;
}
