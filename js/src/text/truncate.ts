/** Letters of a name that there is room for, also in a wide font. */
export interface Room {
  /** As long as this, it is not cut. */
  fits: number;
  /** Of a longer one: of its last word. */
  end: number;
  /** And of its beginning, or of each place where it differs from others. */
  piece: number;
}

/** Beside a bar and a score; under a thumbnail; over one of two pictures. */
export const BESIDE: Room = { fits: 12, end: 9, piece: 3 };
export const UNDER: Room = { fits: 8, end: 5, piece: 2 };
export const OVER: Room = { fits: 26, end: 16, piece: 6 };

/** A beginning or an end that all names share tells nothing, if it is so long. */
const SHARED = 8;
/** So few letters take no more room than the dots that would stand for them. */
const DOTS = 2;
/** The second half of a sign beyond the first 65,536, such as an emoji: no place to cut. */
const LOW = /[\udc00-\udfff]/;

/** A name in pieces: the first, third ... are always seen; the others give way where there is no room. */
export type Truncated = readonly string[];

/** Where pieces that are always seen begin and end. */
type Kept = [from: number, to: number][];

/** Names keep their beginning and their last word; of those that would look alike, each place where they part is kept. */
export function truncate(names: readonly string[], room: Room): (name: string) => Truncated {
  const long = [...new Set(names)].filter(({ length }) => length > room.fits).sort();
  const usual = usually(names, room);
  const parting = new Map<string, Kept>();
  const found = (name: string) => cut(name, parting.get(name) ?? usual(name));
  // A second time, for those that look now as another one does by itself.
  for (let round = 0; round < 2; round++) {
    const seen = new Map<string, number[]>();
    long.forEach((name, at) => {
      const looks = found(name)
        .map((piece, i) => (i % 2 ? "…" : piece))
        .join("");
      const same = seen.get(looks);
      same ? same.push(at) : seen.set(looks, [at]);
    });
    const alike = [...seen.values()].filter(({ length }) => length > 1).flat();
    const all = alike.length > 0 ? partings(long, room.piece) : [];
    for (const at of alike) parting.set(long[at], all[at]);
  }
  return (name) => (name.length <= room.fits ? [name] : found(name));
}

/** What is kept as a rule: beginning and end, but of what all have alike only as much as of any name. */
function usually(names: readonly string[], { end, piece }: Room): (name: string) => Kept {
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
    // Something must be left between them to give way: then it is the very last word, or the half of that.
    const near = name.length - words.length <= piece + DOTS;
    const own = near ? Math.min(name.length - beginningOfWord(name), Math.ceil(end / 2)) : words.length;
    return [
      [0, piece],
      [name.length - own, name.length],
    ];
  };
}

/** Of each of some sorted names, the places where it parts from others that went with it so far. */
function partings(sorted: readonly string[], piece: number): Kept[] {
  const all: Kept[] = sorted.map(() => [[0, piece]]);
  const part = (first: number, last: number, from: number): void => {
    if (first === last) return;
    const at = Math.max(from, shared(sorted[first], sorted[last], 1).length);
    let begin = first;
    for (let i = first; i <= last; i++) {
      all[i].push([at, at + piece]);
      if (i < last && sorted[i].slice(0, at + piece) === sorted[i + 1].slice(0, at + piece)) continue;
      part(begin, i, at + piece);
      begin = i + 1;
    }
  };
  part(0, sorted.length - 1, 0);
  return all;
}

/** The pieces of a name, seen and giving way in turn. */
function cut(name: string, kept: Kept): Truncated {
  const pieces = [""];
  let done = 0;
  for (const [from, to] of kept.map((place) => place.map((at) => whole(name, at)))) {
    if (from - done > DOTS) pieces.push(name.slice(done, from), "");
    else pieces[pieces.length - 1] += name.slice(done, Math.max(from, done));
    pieces[pieces.length - 1] += name.slice(Math.max(from, done), to);
    done = Math.max(done, to);
  }
  if (name.length - done > DOTS) pieces.push(name.slice(done));
  else pieces[pieces.length - 1] += name.slice(done);
  return pieces;
}

/** That place of a name, or the one before where a sign would be cut in two. */
function whole(name: string, at: number): number {
  return Math.min(LOW.test(name[at]) ? at - 1 : at, name.length);
}

/** The length of a text, or of what comes before its last word. */
function beginningOfWord(text: string): number {
  return 1 + Math.max(...[" ", "_", "-"].map((sign) => text.lastIndexOf(sign)));
}

/** What two names begin (or with -1 end) with, both. */
function shared(a: string, b: string, from: 1 | -1): string {
  let length = 0;
  const at = (text: string) => text.at(from > 0 ? length : -1 - length);
  while (length < Math.min(a.length, b.length) && at(a) === at(b)) length++;
  return from > 0 ? a.slice(0, length) : a.slice(a.length - length);
}
