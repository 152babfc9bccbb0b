/** Letters typed within this many milliseconds make one word. */
const PAUSE = 700;

/** What is being typed into a list, to find what begins with it. */
export class TypeAhead {
  #text = "";
  #last = Number.NEGATIVE_INFINITY;

  /** One more letter; gives all that was typed in one go. */
  add(letter: string): string {
    this.#text = this.active ? this.#text + letter : letter;
    this.#last = performance.now();
    return this.#text;
  }

  /** A sign or a space belongs to the name now, and is no key of its own. */
  get active(): boolean {
    return performance.now() - this.#last < PAUSE;
  }
}

/**
 * The next item whose name begins with what was typed, from `from` on and round the end; -1 if none. The same letter
 * again and again goes from one such item to the next.
 */
export function nextMatch(
  count: number,
  from: number,
  text: string,
  begins: (at: number, text: string) => boolean,
): number {
  const wanted = text.toLowerCase();
  for (let step = text.length > 1 ? 0 : 1; step <= count; step++) {
    const at = (from + step + count) % count;
    if (begins(at, wanted)) return at;
  }
  const [letter, ...rest] = wanted;
  return rest.length > 0 && rest.every((each) => each === letter) ? nextMatch(count, from, letter, begins) : -1;
}
