/** Return the position that a key moves to in a list of `count` items, from `at`; -1 if it moves nowhere. */
export function step(key: string, at: number, count: number, page = 10): number {
  if (count === 0) return -1;
  const steps: Record<string, number> = {
    ArrowDown: at + 1,
    ArrowRight: at + 1,
    ArrowUp: at - 1,
    ArrowLeft: at - 1,
    PageDown: at + page,
    PageUp: at - page,
    Home: 0,
    End: count - 1,
  };
  return key in steps ? Math.min(Math.max(steps[key], 0), count - 1) : -1;
}
