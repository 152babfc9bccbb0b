import { expect, test } from "vitest";
import { splitAtMatches, terms } from "../../src/text/query.ts";

test("a query is split into its words, in lower case", () => {
  expect(terms("  Conv2 BLOCK ")).toEqual(["conv2", "block"]);
  expect(terms(" \t")).toEqual([]);
});

test("every second piece of a text is a match, whatever its case", () => {
  expect(splitAtMatches("Tiger cat, CAT", "cat")).toEqual(["Tiger ", "cat", ", ", "CAT", ""]);
  expect(splitAtMatches("conv2_block", "block conv")).toEqual(["", "conv", "2_", "block", ""]);
  expect(splitAtMatches("dog", "cat")).toEqual(["dog"]);
  expect(splitAtMatches("dog", " ")).toEqual(["dog"]);
});

test("signs in a query are no pattern", () => {
  expect(splitAtMatches("a.b axb", "a.b")).toEqual(["", "a.b", " axb"]);
  expect(splitAtMatches("f(x)[0]", "(x)[")).toEqual(["f", "(x)[", "0]"]);
});
