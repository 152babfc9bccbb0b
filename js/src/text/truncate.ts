/** Limits for truncating names, in characters. */
export interface Limits {
  /** Names up to this length are not truncated. */
  fits: number;
  /** Kept of the last word of a longer name. */
  end: number;
  /** Kept of its start, and of each position where it differs from other names. */
  piece: number;
}

/** Limits beside a bar and a score, under a thumbnail, and over one of two pictures. */
export const CLASS_LIMITS: Limits = { fits: 12, end: 9, piece: 3 };
export const THUMBNAIL_LIMITS: Limits = { fits: 8, end: 5, piece: 2 };
export const HEADING_LIMITS: Limits = { fits: 26, end: 16, piece: 6 };

/** A start or end of this length or more that all names share is not kept. */
const SHARED = 8;
/** So few characters take no more space than an ellipsis. */
const DOTS = 2;
/** Low surrogate: the second half of a character such as an emoji, which must not be split. */
const LOW = /[\udc00-\udfff]/;

/** A name in pieces: the first, third ... are always shown; the others shrink to an ellipsis where space is short. */
export type Truncated = readonly string[];

/** Ranges that are always shown. */
type Ranges = [from: number, to: number][];

/**
 * Truncate names so that they stay different: they keep their start and last word, and similar ones also each position
 * where they differ.
 */
export function truncate(names: readonly string[], limits: Limits): (name: string) => Truncated {
  const long = [...new Set(names)].filter(({ length }) => length > limits.fits).sort();
  const usual = usualRanges(names, limits);
  const different = new Map<string, Ranges>();
  const found = (name: string) => split(name, different.get(name) ?? usual(name));
  // A second round, for names that now look like another one that was truncated as usual.
  for (let round = 0; round < 2; round++) {
    const seen = new Map<string, number[]>();
    long.forEach((name, at) => {
      const shown = found(name)
        .map((piece, i) => (i % 2 ? "…" : piece))
        .join("");
      const same = seen.get(shown);
      same ? same.push(at) : seen.set(shown, [at]);
    });
    const alike = [...seen.values()].filter(({ length }) => length > 1).flat();
    const all = alike.length > 0 ? differences(long, limits.piece) : [];
    for (const at of alike) different.set(long[at], all[at]);
  }
  return (name) => (name.length <= limits.fits ? [name] : found(name));
}

/** Return the ranges to keep of a name without similar ones: its start and end, unless all names share them. */
function usualRanges(names: readonly string[], { end, piece }: Limits): (name: string) => Ranges {
  const several = names.length > 1;
  const before = several ? names.reduce((a, b) => shared(a, b, 1)) : "";
  const after = several ? names.reduce((a, b) => shared(a, b, -1)) : "";
  if (before.length >= SHARED) {
    const from = beginningOfWord(before);
    return () => [
      [0, piece],
      [from, from + end],
    ];
  }
  if (after.length >= SHARED) return () => [[0, piece + end]];
  return (name) => {
    const last = name.slice(-end);
    const words = /[\s_,-]+(\S[^_-]*)$/.exec(last)?.[1] ?? last;
    // Keep a gap between them: else only the very last word, or half of that.
    const near = name.length - words.length <= piece + DOTS;
    const own = near ? Math.min(name.length - beginningOfWord(name), Math.ceil(end / 2)) : words.length;
    return [
      [0, piece],
      [name.length - own, name.length],
    ];
  };
}

/** Return for each of some sorted names the positions where it differs from those with the same prefix. */
function differences(sorted: readonly string[], piece: number): Ranges[] {
  const all: Ranges[] = sorted.map(() => [[0, piece]]);
  const compare = (first: number, last: number, from: number): void => {
    if (first === last) return;
    const at = Math.max(from, shared(sorted[first], sorted[last], 1).length);
    let begin = first;
    for (let i = first; i <= last; i++) {
      all[i].push([at, at + piece]);
      if (i < last && sorted[i].slice(0, at + piece) === sorted[i + 1].slice(0, at + piece)) continue;
      compare(begin, i, at + piece);
      begin = i + 1;
    }
  };
  compare(0, sorted.length - 1, 0);
  return all;
}

/** Split a name into pieces, shown and shrinking in turn. */
function split(name: string, ranges: Ranges): Truncated {
  const pieces = [""];
  let done = 0;
  for (const [from, to] of ranges.map((range) => range.map((at) => whole(name, at)))) {
    if (from - done > DOTS) pieces.push(name.slice(done, from), "");
    else pieces[pieces.length - 1] += name.slice(done, Math.max(from, done));
    pieces[pieces.length - 1] += name.slice(Math.max(from, done), to);
    done = Math.max(done, to);
  }
  if (name.length - done > DOTS) pieces.push(name.slice(done));
  else pieces[pieces.length - 1] += name.slice(done);
  return pieces;
}

/** Return that position of a name, or the one before it if that would split a character. */
function whole(name: string, at: number): number {
  return Math.min(LOW.test(name[at]) ? at - 1 : at, name.length);
}

/** Return the position where the last word of a text starts. */
function beginningOfWord(text: string): number {
  return 1 + Math.max(...[" ", "_", "-"].map((sign) => text.lastIndexOf(sign)));
}

/** Return the common prefix (or with -1 suffix) of two names. */
function shared(a: string, b: string, from: 1 | -1): string {
  let length = 0;
  const at = (text: string) => text.at(from > 0 ? length : -1 - length);
  while (length < Math.min(a.length, b.length) && at(a) === at(b)) length++;
  return from > 0 ? a.slice(0, length) : a.slice(a.length - length);
}
