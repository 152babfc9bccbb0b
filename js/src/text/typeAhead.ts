/** A pause longer than this starts a new search, in milliseconds. */
const PAUSE = 700;

/** Type-ahead of a list: find the item that starts with the typed characters. */
export class TypeAhead {
  #text = "";
  #last = Number.NEGATIVE_INFINITY;

  /** Append a character, and return everything typed without a pause. */
  add(letter: string): string {
    this.#text = this.active ? this.#text + letter : letter;
    this.#last = performance.now();
    return this.#text;
  }

  /** Whether a search is under way: then a space or a sign belongs to the name, and is no shortcut. */
  get active(): boolean {
    return performance.now() - this.#last < PAUSE;
  }
}

/**
 * Return the next item whose name starts with `text`, from `from` on and wrapping around; -1 if none. Repeating one
 * character steps through the items that start with it.
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
