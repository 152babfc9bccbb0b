/** Letters that fit beside a bar and a score, also in a wide font. */
const FITS = 14;
/** Letters kept of a name's end, to tell it from those that begin alike. */
const END = 10;
/** A beginning or an end that so many letters share tells nothing. */
const SHARED = 8;

/** How names are cut where there is no room. */
export interface Cut {
  /** Of what is left out at its beginning, an ellipsis stands there. */
  head: string;
  /** What is always seen, after the head, which gives way. */
  tail: string;
}

/** Names keep their beginning and their end; where all begin alike, what comes after; where all end alike, no end. */
export function cutting(names: readonly string[]): (name: string) => Cut {
  const start = names.length > 1 ? names.reduce((most, name) => shared(most, name, 1)) : "";
  const end = names.length > 1 ? names.reduce((most, name) => shared(most, name, -1)) : "";
  const words = start.slice(0, 1 + Math.max(start.lastIndexOf(" "), start.lastIndexOf("_"), start.lastIndexOf("-")));
  return (name) => {
    if (name.length <= FITS) return { head: name, tail: "" };
    if (words.length >= SHARED) return { head: `…${name.slice(words.length)}`, tail: "" };
    if (end.length >= SHARED) return { head: name, tail: "" };
    const last = name.slice(-END);
    const tail = /[\s_,-]+(\S[^_-]*)$/.exec(last)?.[1] ?? last.slice(-6);
    return { head: name.slice(0, name.length - tail.length), tail };
  };
}

/** What two names begin (or with -1 end) with, both. */
function shared(a: string, b: string, from: 1 | -1): string {
  let length = 0;
  const at = (text: string) => text.at(from > 0 ? length : -1 - length);
  while (length < Math.min(a.length, b.length) && at(a) === at(b)) length++;
  return from > 0 ? a.slice(0, length) : a.slice(a.length - length);
}
