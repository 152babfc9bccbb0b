import { expect, test } from "vitest";
import { cutting } from "../src/cutting.ts";

test("a long name keeps its beginning and its last word, a short one is whole", () => {
  const cut = cutting(["cross, upright, on plaid", "cross, tilted, on stripes", "star"]);
  expect(cut("cross, upright, on plaid")).toEqual({ head: "cross, upright, ", tail: "on plaid" });
  expect(cut("star")).toEqual({ head: "star", tail: "" });
  expect(cutting(["Donaudampfschifffahrt", "b"])("Donaudampfschifffahrt")).toEqual({
    head: "Donaudampfschif",
    tail: "ffahrt",
  });
});

test("where all begin alike the cut is at the first word that differs", () => {
  const names = Array.from({ length: 100 }, (_, i) => `class name ${i}, of a species`);
  expect(cutting(names)(names[39])).toEqual({ head: "…39, of a species", tail: "" });
});

test("where all end alike the end is left to be cut", () => {
  const names = ["crocodile seen from above", "albatross seen from above"];
  expect(cutting(names)(names[0])).toEqual({ head: names[0], tail: "" });
});

test("no two names of a list that differ in what is kept look alike, and nothing is lost", () => {
  const names = ["a".repeat(30), `${"a".repeat(29)}b`, "", "\u{1F98A}".repeat(12)];
  const cut = cutting(names);
  expect(names.map((name) => cut(name).head + cut(name).tail)).toEqual(names);
  expect(new Set(names.map((name) => cut(name).tail)).size).toBeGreaterThan(2);
});
