import { expect, test } from "vitest";
import { CLASS_LIMITS, HEADING_LIMITS, THUMBNAIL_LIMITS, type Truncated, truncate } from "../../src/text/truncate.ts";

/** The visible part of a name within a limit of characters. */
const seen = (cut: Truncated) => cut.map((piece, at) => (at % 2 ? "…" : piece)).join("");

test("a long name keeps its beginning and its last word, a short one is whole", () => {
  const cut = truncate(["cross, upright, on plaid", "cross, tilted, on stripes", "star"], CLASS_LIMITS);
  expect(cut("cross, upright, on plaid")).toEqual(["cro", "ss, upright, ", "on plaid"]);
  expect(cut("star")).toEqual(["star"]);
  expect(truncate(["Donaudampfschifffahrt", "b"], CLASS_LIMITS)("Donaudampfschifffahrt")).toEqual([
    "Don",
    "audampfsc",
    "hifffahrt",
  ]);
});

test("those that begin and end alike keep the places where they part", () => {
  const names = [
    "cross, upright, on plaid",
    "cross, tilted, on plaid",
    "cross, tilted, on tiles",
    "disc, thin, on plaid",
  ];
  const cut = truncate(names, CLASS_LIMITS);
  expect(names.map((name) => seen(cut(name)))).toEqual(["cro…upr…", "cro…til…plaid", "cro…on tiles", "dis…on plaid"]);
});

test("where all begin alike the first word is kept that differs", () => {
  const names = Array.from({ length: 100 }, (_, i) => `class name ${i}, of a species`);
  expect(truncate(names, CLASS_LIMITS)(names[39])).toEqual(["cla", "ss name ", "39, of a ", "species"]);
});

test("where all end alike the end is left to be cut", () => {
  const names = ["crocodile seen from above", "albatross seen from above"];
  expect(truncate(names, CLASS_LIMITS)(names[0])).toEqual(["crocodile se", "en from above"]);
});

const SHAPES = ["cross", "crescent", "square", "star"];
const LOOKS = ["upright", "tilted to the left", "tilted to the right", "thin", "thick"];
const GROUNDS = ["on plaid", "on stripes", "on tiles", "on waves", "on wavy stripes"];
const LISTS = {
  numbered: Array.from({ length: 1000 }, (_, i) => `${["star", "square", "crescent"][i % 3]} number ${i}`),
  "numbered alike": Array.from({ length: 1000 }, (_, i) => `class name ${i}`),
  "numbered before an end": Array.from({ length: 1000 }, (_, i) => `object ${i} of the thousand`),
  combined: SHAPES.flatMap((a) => LOOKS.flatMap((b) => GROUNDS.map((c) => `${a}, ${b}, ${c}`))),
  paths: Array.from({ length: 1000 }, (_, i) => `n${`${i * 7919}`.padStart(8, "0")}_animal_of_family_${i % 10}`),
  "one within another": Array.from({ length: 40 }, (_, i) => "on and ".repeat(i + 1)),
};

for (const [list, names] of Object.entries(LISTS))
  for (const [limits, own] of Object.entries({ CLASS_LIMITS, THUMBNAIL_LIMITS, HEADING_LIMITS }))
    test(`no two names look alike, and none loses a letter: ${list}, ${limits}`, () => {
      const cut = truncate(names, own);
      expect(names.map((name) => cut(name).join(""))).toEqual(names);
      const all = names.map((name) => seen(cut(name)));
      expect(all.filter((text, at) => all.indexOf(text) < at)).toEqual([]);
    });

test("of 1,000 numbered names what is seen is short", () => {
  for (const list of [LISTS.numbered, LISTS["numbered alike"], LISTS["numbered before an end"]])
    for (const limits of [CLASS_LIMITS, THUMBNAIL_LIMITS]) {
      const cut = truncate(list, limits);
      const longest = Math.max(...list.map((name) => seen(cut(name)).length));
      expect(longest).toBeLessThanOrEqual(limits.fits + 1);
    }
});

test("no sign is cut in two", () => {
  const names = ["\u{1F98A}".repeat(12), `\u{1F98A}${"\u{1F43B}".repeat(9)} bear`];
  for (const name of names)
    for (const part of truncate(names, CLASS_LIMITS)(name))
      expect(part).not.toMatch(/^[\udc00-\udfff]|[\ud800-\udbff]$/);
});
